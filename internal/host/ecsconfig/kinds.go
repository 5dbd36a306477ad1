package ecsconfig

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"muster/internal/base/cluster"
	"muster/internal/base/lazyregexp"
)

// Kind describes the values of a key, and how the ECS agent parses them.
type Kind struct {
	Name string
	// read returns what the ECS agent reads from value, which is not empty. def is its replacement for a value that it
	// discards.
	read func(value, def string) Reading
	open byte // '{' or '[' if the value is JSON
	// forgiving is true if text after the JSON is ignored (json.Decoder).
	forgiving bool
	// plain is true if the value is one word, without blanks, commas or semicolons.
	plain bool
	json  jsonForm // form of the key in ecs.config.json
}

// Reading is the ECS agent's reading of a value.
type Reading struct {
	Text     string // the value as the agent uses it
	Fault    string // what is wrong with the value, as a predicate of the key's name; empty if nothing is wrong
	Want     string // for a Fault of JSON: the required form
	Severity Severity
	Unset    bool // the agent treats the key as unset
}

func taken(text string) Reading { return Reading{Text: text} }

// discarded returns the reading of a value that the agent replaces with its default or with the value in
// ecs.config.json.
func discarded(def, fault string) Reading {
	return Reading{Text: def, Fault: fault, Severity: Ignored, Unset: true}
}

// read returns the ECS agent's reading of a value of k.
func (k *Key) read(value string) Reading {
	if value == "" {
		return Reading{Text: k.Default, Unset: true}
	}
	return k.Kind.read(value, k.Default)
}

var (
	// text is a value that is used unchanged.
	text = &Kind{Name: "text", json: jsonString, read: func(value, _ string) Reading { return taken(value) }}

	// trimmed is a value that is trimmed. It has the tag trim:"true" in agent/config/types.go.
	trimmed = &Kind{Name: "trimmed text", json: jsonString, plain: true, read: func(value, _ string) Reading {
		return taken(strings.TrimSpace(value))
	}}

	// commaList is a value that is split at commas. Go trims the entries of NO_PROXY (golang.org/x/net/http/httpproxy).
	commaList = &Kind{Name: "list", json: jsonStrings, read: func(value, _ string) Reading {
		entries := strings.Split(value, ",")
		for i := range entries {
			entries[i] = strings.TrimSpace(entries[i])
		}
		return taken(strings.Join(entries, ","))
	}}

	clusterRef = &Kind{Name: "cluster", json: jsonString, plain: true, read: readCluster}

	region = &Kind{Name: "region", json: jsonString, plain: true, read: func(value, _ string) Reading {
		r := taken(strings.TrimSpace(value))
		switch {
		case cluster.IsRegion(r.Text):
		case zone.Get().MatchString(r.Text):
			r.Fault, r.Severity = "is the Availability Zone "+r.Text+", not a region", Fatal
		default:
			r.Fault, r.Severity = "is not the name of a region, such as eu-west-1", Fatal
		}
		return r
	}}

	registryForm = &Kind{Name: "docker or dockercfg", json: jsonString, plain: true, read: func(value, def string) Reading {
		return oneOf(exactCase, "docker", "dockercfg").read(strings.TrimSpace(value), def)
	}}

	// proxy is a value that is parsed as a URL. http:// is added if it has no scheme.
	proxy = &Kind{Name: "proxy", json: jsonString, plain: true, read: func(value, _ string) Reading {
		r := taken(value)
		if strings.ContainsAny(value, " \t\"'") {
			r.Fault, r.Severity = "is not the address of a proxy, such as http://10.0.0.131:3128", Misread
		}
		return r
	}}

	// flag is a value that is trimmed and then parsed with strconv.ParseBool.
	flag = &Kind{Name: "true or false", json: jsonFlag, plain: true, read: func(value, def string) Reading {
		on, err := strconv.ParseBool(strings.TrimSpace(value))
		if err != nil {
			return discarded(def, "is not true or false")
		}
		return taken(strconv.FormatBool(on))
	}}

	// exactSwitch is a switch that ecs-init turns on only for exactly "true". The agent accepts any value of
	// strconv.ParseBool.
	exactSwitch = &Kind{Name: "true or false", json: jsonFlag, plain: true, read: func(value, def string) Reading {
		on, err := strconv.ParseBool(strings.TrimSpace(value))
		switch {
		case err != nil:
			return discarded(def, "is not true or false")
		case on && value != "true":
			return Reading{Text: "true", Fault: "is not exactly true, the only value that ecs-init accepts", Severity: Misread}
		}
		return taken(strconv.FormatBool(on))
	}}

	number = &Kind{Name: "number", json: jsonInteger, plain: true, read: func(value, def string) Reading {
		if n, err := strconv.ParseFloat(value, 64); err != nil || n <= 0 {
			return discarded(def, "is not a number above 0")
		}
		return taken(value)
	}}

	// rateAndBurst is a value that is split at its comma. Both parts are trimmed (parseTaskMetadataThrottles).
	rateAndBurst = &Kind{Name: "rate,burst", read: func(value, def string) Reading {
		rate, burst, _ := strings.Cut(value, ",")
		first, err1 := strconv.Atoi(strings.TrimSpace(rate))
		second, err2 := strconv.Atoi(strings.TrimSpace(burst))
		if err1 != nil || err2 != nil || first <= 0 || second <= 0 {
			return discarded(def, "is not a rate and a burst, such as 100,150")
		}
		return taken(fmt.Sprintf("%d,%d", first, second))
	}}

	// portRange is a port or a range of ports. This parser is slightly stricter than the agent, which reads 1-2-3 as
	// 1-2.
	portRange = &Kind{Name: "ports", json: jsonString, plain: true, read: func(value, def string) Reading {
		first, last, isRange := strings.Cut(value, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.ParseUint(first, 10, 16)
		to, err2 := strconv.ParseUint(last, 10, 16)
		if err1 != nil || err2 != nil || to < from {
			return discarded(def, "is not a range of ports, such as 49153-65535")
		}
		return taken(value)
	}}
)

// zone matches an Availability Zone, such as eu-west-1a: a region and a letter.
var zone = lazyregexp.New(`^[a-z]{2}(-[a-z]+)+-[0-9]+[a-z]$`)

// clusterPattern matches a cluster ARN, or a name that CreateCluster accepts: up to 255 letters,
// digits, underscores and hyphens.
var clusterPattern = lazyregexp.New(`^(arn:aws[a-z-]*:ecs:[a-z0-9-]+:[0-9]{12}:cluster/)?[A-Za-z0-9_-]{1,255}$`)

// readCluster marks invalid cluster names. ECS rejects them with InvalidParameterException or ClientException, and the
// agent exits with code 5.
func readCluster(value, def string) Reading {
	r := taken(strings.TrimSpace(value))
	switch {
	case r.Text == "":
		return Reading{Text: def, Unset: true}
	case !clusterPattern.Get().MatchString(r.Text):
		r.Fault, r.Severity = "is not a valid cluster name", Refused
	}
	return r
}

// LikelyCluster returns the name that an invalid value of ECS_CLUSTER was probably meant to be: without quotes, a
// comment, a path, or a dash instead of a hyphen. It returns "" if the result is not a valid name either.
func LikelyCluster(value string) string {
	name := untypographic(unquote(strings.TrimSpace(visible(value))))
	if words := strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune(" \t,;#\"'", r) }); len(words) > 0 {
		name = words[0]
	}
	if _, last, ok := strings.Cut(name, "cluster/"); ok && !clusterPattern.Get().MatchString(name) {
		name = last
	}
	name = strings.TrimSuffix(hyphens.Replace(name), "/")
	if !clusterPattern.Get().MatchString(name) {
		return ""
	}
	return name
}

// hyphens replaces dashes that word processors substitute for hyphens.
var hyphens = strings.NewReplacer("\u2010", "-", "\u2011", "-", "\u2012", "-", "\u2013", "-", "\u2014", "-", "\u2212", "-")

// integer returns the kind of numbers that are parsed with strconv.ParseUint or Atoi, which reject blanks.
func integer(least, most int64) *Kind {
	name := fmt.Sprintf("number from %d to %d", least, most)
	return &Kind{Name: name, json: jsonInteger, plain: true, read: func(value, def string) Reading {
		n, err := strconv.ParseInt(value, 10, 64)
		switch {
		case err != nil && leadingDigits.Get().MatchString(value):
			return discarded(def, fmt.Sprintf("is not a whole number from %d to %d: it has a unit", least, most))
		case err != nil || value[0] == '+' || n < least || n > most:
			return discarded(def, fmt.Sprintf("is not a whole number from %d to %d", least, most))
		}
		return taken(strconv.FormatInt(n, 10))
	}}
}

var leadingDigits = lazyregexp.New(`^[0-9]+(\.[0-9]+)?\s*[A-Za-z%]`)

// spacedInteger returns the kind of integers that the agent trims first (parseTaskPidsLimit).
func spacedInteger(least, most int64) *Kind {
	plain := integer(least, most)
	return &Kind{Name: plain.Name, json: jsonInteger, plain: true, read: func(value, def string) Reading {
		return plain.read(strings.TrimSpace(value), def)
	}}
}

const (
	exactCase = false
	foldCase  = true
)

// oneOf returns the kind of values that must be one of several words.
func oneOf(fold bool, words ...string) *Kind {
	return &Kind{Name: strings.Join(words, "|"), json: jsonString, plain: true, read: func(value, def string) Reading {
		word := value
		if fold {
			word = strings.ToLower(strings.TrimSpace(value))
		}
		if !slices.Contains(words, word) {
			return discarded(def, "is not one of "+strings.Join(words, ", "))
		}
		return taken(word)
	}}
}

// The agent's replacement for a duration outside its limits.
const (
	useDefault = false
	useLimit   = true
)

// duration returns the kind of durations that are parsed with time.ParseDuration. The agent treats 0 as unset
// (Config.Merge).
func duration(least, most string, atLimit bool) *Kind {
	lower, _ := time.ParseDuration(least)
	upper, _ := time.ParseDuration(most)
	return &Kind{Name: "duration", json: jsonDuration, plain: true, read: func(value, def string) Reading {
		d, err := time.ParseDuration(value)
		switch {
		case err != nil && d == 0 && isDigits(value):
			return discarded(def, "is a duration without a unit, such as 90s, 10m or 3h")
		case err != nil:
			return discarded(def, "is not a duration with its unit, such as 90s, 10m or 3h")
		case d == 0 && def == "0s":
			return taken("0s")
		case d == 0:
			return discarded(def, "is 0, which the ECS agent treats as unset")
		case least != "" && d < lower:
			return outside(atLimit, least, def, "is below the minimum of "+least)
		case most != "" && d > upper:
			return outside(atLimit, most, def, "is above the maximum of "+most)
		}
		return taken(value)
	}}
}

func outside(atLimit bool, limit, def, fault string) Reading {
	if atLimit {
		return Reading{Text: limit, Fault: fault, Severity: Ignored}
	}
	return discarded(def, fault)
}

func isDigits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// Validate reports why key=value must not be written: an invalid or unknown key, a value that does not fit on one
// unquoted line, or one that the agent rejects or silently ignores. A key that resembles no known key accepts any value.
// The error names key, never the value.
func Validate(key, value string) error {
	if !isName(key) {
		return fmt.Errorf("key %.80q: want letters, digits and underscores, and no digit first", key)
	}
	if near := meant(key); near != "" && near != key {
		return fmt.Errorf("%s is not a setting of the ECS agent: did you mean %s?", key, near)
	}
	if err := checkValue(key, value); err != nil {
		return fmt.Errorf("%s %w", key, err)
	}
	return nil
}

// checkValue returns an error whose text continues a sentence that begins with the key's name.
func checkValue(key, value string) error {
	if fault := unwritable(key, value); fault != "" {
		return errors.New(fault)
	}
	if key == "ECS_CLUSTER" && value == "" {
		return errors.New("is empty: the ECS agent would join the cluster \"default\"")
	}
	if k := byName[key]; k != nil {
		if r := k.read(value); r.Want != "" {
			return fmt.Errorf("%s: %s", r.Fault, r.Want)
		} else if r.Fault != "" {
			return errors.New(r.Fault)
		}
	}
	return misreading(key, value)
}
