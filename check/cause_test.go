package check_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"muster/check"
)

// finds returns a check that fails with this finding, which other findings may explain.
func finds(id, finding string, symptomOf ...string) check.Check {
	return check.Check{Kind: kind(id), Findings: kinds(finding), Run: func(context.Context) []check.Finding {
		return []check.Finding{{Kind: kind(finding), Status: check.Fail, Summary: finding, SymptomOf: kinds(symptomOf...)}}
	}}
}

// blames returns a check with this finding, which names another as its explanation.
func blames(id string, status check.Status, symptomOf string) check.Check {
	return check.Check{Kind: kind(id), Run: func(context.Context) []check.Finding {
		return []check.Finding{{Status: status, SymptomOf: kinds(symptomOf)}}
	}}
}

// A finding about one container explains nothing about another one (aws/amazon-ecs-agent#2467).
func TestAFindingAboutOneThingExplainsThatThingAlone(t *testing.T) {
	containers := check.Check{Kind: kind("containers"), Run: func(context.Context) []check.Finding {
		return []check.Finding{
			{Kind: kind("unhealthy"), Status: check.Fail, About: []string{"web/cache", "c1"}},
			{Kind: kind("killed"), Status: check.Fail, About: []string{"web/job", "c2"}},
			{Kind: kind("restarting"), Status: check.Fail, About: []string{"web/job", "c2"}, SymptomOf: kinds("killed")},
			{Kind: kind("restarting"), Status: check.Fail, About: []string{"web/cache", "c1"}, SymptomOf: kinds("killed")},
		}
	}}
	agent := check.Check{Kind: kind("agent"), Run: func(context.Context) []check.Finding {
		return []check.Finding{
			{Kind: kind("muster-unhealthy"), Status: check.Fail, About: []string{"c1"}, SymptomOf: kinds("unhealthy")},
			{Kind: kind("muster-loop"), Status: check.Fail, About: []string{"c2"}, SymptomOf: kinds("restarting")},
		}
	}}
	results := check.Run(t.Context(), []check.Check{containers, agent})
	var got []string
	for _, cause := range check.Causes(results) {
		got = append(got, cause.ID+"@"+cause.About[0]+": "+strings.Join(cause.Symptoms, " "))
	}
	want := []string{"killed@web/job: restarting muster-loop", "unhealthy@web/cache: muster-unhealthy", "restarting@web/cache: "}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if under := results[1].Findings[0].Under; !slices.Equal(under, []string{"unhealthy"}) {
		t.Errorf("under %q: JSON has ids", under)
	}
}

func TestCauses(t *testing.T) {
	for name, c := range map[string]struct {
		checks []check.Check
		want   []string // causes, each with its symptoms
	}{
		"none on a healthy instance": {[]check.Check{does("a", check.Pass), does("b", check.Warn), does("c", check.Unknown)}, nil},
		"a symptom is silent under its cause": {
			[]check.Check{finds("dns", "dns-failure"), finds("log", "network-timeout", "dns")}, []string{"dns-failure: network-timeout"}},
		"explained by a finding's own id": {
			[]check.Check{finds("log", "cluster-not-found", "cluster-missing"), finds("cluster", "cluster-missing")},
			[]string{"cluster-missing: cluster-not-found"}},
		"what could explain it, but did not fail, does not": {
			[]check.Check{does("dns", check.Warn), finds("log", "network-timeout", "dns")}, []string{"network-timeout:"}},
		"two causes are both named, the one that explains more first": {
			[]check.Check{finds("disk", "disk-full"), finds("dns", "dns-failure"), finds("log", "network-timeout", "dns")},
			[]string{"dns-failure: network-timeout", "disk-full:"}},
		"what was not looked at is a symptom": {
			[]check.Check{does("imds", check.Fail), does("role", check.Pass, "imds")}, []string{"imds: role"}},
		"a chain has one cause": {
			[]check.Check{finds("a", "x"), finds("b", "y", "x"), finds("c", "z", "y")}, []string{"x: y z"}},
		"what is blocked by what is blocked": {
			[]check.Check{does("a", check.Fail), does("b", check.Pass, "a"), does("c", check.Pass, "b")}, []string{"a: b c"}},
		"also what could not be looked at is a symptom, and what passed is none": {
			[]check.Check{does("a", check.Fail), blames("b", check.Unknown, "a"), blames("c", check.Pass, "a")}, []string{"a: b"}},
		"of two that blame each other the first is the cause": {
			[]check.Check{finds("a", "x", "y"), finds("b", "y", "x")}, []string{"x: y"}},
		"nothing explains itself": {[]check.Check{finds("a", "x", "a", "x")}, []string{"x:"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, cause := range check.Causes(check.Run(t.Context(), c.checks)) {
				got = append(got, strings.TrimSpace(cause.ID+": "+strings.Join(cause.Symptoms, " ")))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestSelect(t *testing.T) {
	checks := []check.Check{does("imds", check.Pass), does("role", check.Pass, "imds"), does("clock", check.Pass)}
	checks[2].Group = check.Network
	for name, c := range map[string]struct {
		only, skip []string
		want       string
	}{
		"all":                          {nil, nil, "imds role clock"},
		"one with what it needs":       {[]string{"role"}, nil, "imds role"},
		"a group":                      {[]string{"network"}, nil, "clock"},
		"all but one":                  {nil, []string{"role"}, "imds clock"},
		"skip is stronger than a need": {[]string{"role"}, []string{"imds"}, "role"},
	} {
		t.Run(name, func(t *testing.T) {
			selected, err := check.Select(checks, c.only, c.skip)
			var got []string
			for _, s := range selected {
				got = append(got, s.ID)
			}
			if err != nil || strings.Join(got, " ") != c.want {
				t.Errorf("got %q, %v, want %s", got, err, c.want)
			}
		})
	}
	if _, err := check.Select(checks, []string{"clock"}, []string{"network"}); err == nil || !strings.Contains(err.Error(),
		"no check is left") {
		t.Errorf("got %v", err)
	}
	if _, err := check.Select(checks, []string{"clok"}, nil); err == nil || !strings.Contains(err.Error(), "did you mean clock?") {
		t.Errorf("got %v", err)
	}
}

func TestWithoutDeepLeavesOutTheDeep(t *testing.T) {
	deep := does("path", check.Pass)
	deep.Deep = true
	if got := check.WithoutDeep([]check.Check{does("imds", check.Pass), deep}); !slices.Equal(got, []string{"imds"}) {
		t.Errorf("got %q", got)
	}
}
