// Package gate maintains an attribute of this container instance that shows whether its replication ports are open. ECS
// places no task of a service with the placement constraint attribute:muster.ports == open on an instance without that
// value.
//
// It sets the value to open or closed and never deletes the attribute. Therefore one IAM action is enough, and a closed
// gate is distinct from one that was never set. An unknown port or a missing permission changes nothing. Callers decide
// whether the ports are open.
package gate

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// State is the state of this instance's ports.
type State uint8

// The states.
const (
	Undecided State = iota // the attribute is unchanged
	Open
	Closed
)

// String returns the value of the attribute.
func (s State) String() string { return [...]string{"undecided", "open", "closed"}[s] }

// nameForm matches up to 128 letters, digits, hyphens, underscores, dots and slashes (ECS API reference, Attribute).
// ECS also allows backslashes.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9._/-]{1,128}$`)

// CheckName returns an error for a name that ECS would reject or that is reserved for ECS.
func CheckName(name string) error {
	switch {
	case !nameForm.MatchString(name):
		return fmt.Errorf("%+.150q is not an attribute name: use up to 128 letters, digits and ._/-, such as muster.ports", name)
	case strings.HasPrefix(name, "ecs."), strings.HasPrefix(name, "com.amazonaws."):
		return fmt.Errorf("attribute %q is reserved for ECS: choose another name, such as muster.ports", name)
	}
	return nil
}

// Setter sets attributes: an awsapi.Client.
type Setter interface {
	PutAttribute(ctx context.Context, cluster, arn, name, value string) error
}

// Unconfirmed is why the attribute is not set on a container instance that may be another one.
const Unconfirmed = "ECS has not confirmed the registration of this instance"

// Self is the container instance that ECS has confirmed to be this one.
type Self struct{ Cluster, ARN string }

// Needed is the number of consecutive observations that must agree before the attribute changes.
const Needed = 2

// Gate is the attribute of this instance. It is not safe for concurrent use.
type Gate struct {
	Name string
	API  Setter

	set     State     // the value that was set last; Undecided: none by this process
	since   time.Time // when it was set
	seen    State     // of the looks in a row
	looks   int       // how many
	looked  time.Time // the last of them
	failure string    // the reason that was reported last
	why     string    // why the attribute was not set after the last look
}

// Standing is the state of the attribute, as far as this process knows it.
type Standing struct {
	Set    State     // the value that it set last; Undecided: none
	Since  time.Time // when it set it
	Seen   State     // result of the last observation
	Looked time.Time // zero before the first observation
	Why    string    // why the attribute was not set to that result
}

// Standing returns the state after the last observation.
func (g *Gate) Standing() Standing { return Standing{g.set, g.since, g.seen, g.looked, g.why} }

// Observe records an observation. It sets the attribute once enough consecutive observations agree on a new value. line
// describes what was done or what failed; it is empty if nothing changed. again means that the caller should observe
// again soon.
func (g *Gate) Observe(ctx context.Context, is State, self Self) (line string, failed, again bool) {
	if is != g.seen {
		g.seen, g.looks = is, 0
	}
	g.looked, g.why = time.Now(), ""
	if g.looks++; is == Undecided || is == g.set {
		return "", false, false
	}
	if g.looks < Needed {
		return "", false, true
	}
	if self.ARN == "" {
		return g.fail(Unconfirmed)
	}
	if err := g.API.PutAttribute(ctx, self.Cluster, self.ARN, g.Name, is.String()); err != nil {
		return g.fail(err.Error())
	}
	g.set, g.since, g.failure = is, time.Now(), ""
	return fmt.Sprintf("set attribute %s=%s of this container instance", g.Name, is), false, false
}

// fail reports a reason once. The next observation tries again.
func (g *Gate) fail(why string) (line string, failed, again bool) {
	g.why = why
	if reason, _, _ := strings.Cut(why, ":"); reason != g.failure {
		g.failure = reason
		return fmt.Sprintf("attribute %s was not set to %s and is unchanged: %s", g.Name, g.seen, why), true, false
	}
	return "", false, false
}
