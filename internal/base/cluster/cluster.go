// Package cluster is the name of an ECS cluster: its two forms, a name or an
// ARN, what makes one valid, and when two of them mean the same cluster. Which one
// an invalid name was meant for is ecsconfig.LikelyCluster's, and whether the cluster
// exists is for package check to find out.
package cluster

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Default is the cluster that the ECS agent joins when nothing names another
// (amazon-ecs-agent config.DefaultClusterName).
const Default = "default"

const (
	// A cluster name has up to 255 letters, digits, hyphens and underscores
	// (ECS API reference, CreateCluster, clusterName).
	maxName = 255
	// arn:partition:ecs:region:account:cluster/name
	arnParts = 6
)

var (
	nameForm   = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	regionForm = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)
)

// Ref names a cluster. Region and Account are empty when it was given by name.
type Ref struct {
	Text    string // as it was given, and as it goes into ecs.config
	Name    string
	Region  string
	Account string
}

func (r Ref) String() string { return r.Text }

// Parse reads a cluster's name or ARN. The error says what is wrong with it and
// quotes it in ASCII and shortened.
func Parse(text string) (Ref, error) {
	ref := Ref{Text: text, Name: text}
	if strings.HasPrefix(text, "arn:") {
		parts := strings.SplitN(text, ":", arnParts)
		if len(parts) != arnParts || parts[2] != "ecs" || !strings.HasPrefix(parts[5], "cluster/") {
			return Ref{}, fmt.Errorf(
				"cluster %s is not an ECS cluster ARN such as arn:aws:ecs:eu-west-1:123456789012:cluster/NAME",
				quote(text),
			)
		}
		ref.Region, ref.Account, ref.Name = parts[3], parts[4], strings.TrimPrefix(parts[5], "cluster/")
		if !regionForm.MatchString(ref.Region) || len(ref.Account) != 12 || strings.Trim(ref.Account, "0123456789") != "" {
			return Ref{}, fmt.Errorf("cluster ARN %s has no region or no 12-digit account", quote(text))
		}
	}
	if err := checkName(ref.Name); err != nil {
		return Ref{}, fmt.Errorf("cluster %s: %w", quote(text), err)
	}
	return ref, nil
}

func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("the name is empty")
	case len(name) > maxName:
		return fmt.Errorf("the name has %d characters, ECS allows %d", len(name), maxName)
	case strings.Trim(name, quotes) != name:
		return errors.New("the name is quoted, and the ECS agent would read the quotes as part of it")
	case !nameForm.MatchString(name):
		return errors.New("ECS allows only letters, digits, hyphens and underscores in a cluster name")
	}
	return nil
}

// IsRegion reports whether the text has the form of a region's name.
func IsRegion(text string) bool { return regionForm.MatchString(text) }

// Same reports whether two references mean the same cluster, as seen from one
// account and region: a name equals the ARN that ends in it.
func Same(a, b Ref) bool {
	return a.Name == b.Name &&
		(a.Region == "" || b.Region == "" || a.Region == b.Region) &&
		(a.Account == "" || b.Account == "" || a.Account == b.Account)
}

// Quotation marks, typographic ones among them, that a word processor or a shell
// leaves around a name.
const quotes = "\"'`\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb"

// SameText is Same of two texts; what is no cluster's name or ARN is the same as none.
func SameText(a, b string) bool {
	first, err := Parse(a)
	second, err2 := Parse(b)
	return err == nil && err2 == nil && Same(first, second)
}

func quote(text string) string {
	if len(text) > 80 {
		return fmt.Sprintf("%+q...", text[:80])
	}
	return fmt.Sprintf("%+q", text)
}
