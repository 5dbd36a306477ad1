//go:build linux

package instance

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"muster/internal/sandbox"
)

func TestLocalStaysOnTheDisk(t *testing.T) {
	for path, want := range map[string]string{
		"/etc/ecs/ecs.config": "etc/ecs/ecs.config",
		"etc//ecs/":           "etc/ecs",
		"../../etc/passwd":    "etc/passwd",
		"/":                   "",
	} {
		if got := local(path); got != want {
			t.Errorf("%q: got %q, want %q", path, got, want)
		}
	}
}

func TestIngressRule(t *testing.T) {
	got, err := ingress("tcp 5701-5800 from sg-cache")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sandbox.Rule{Protocol: "tcp", First: 5701, Last: 5800, Group: "sg-cache"}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := ingress("tcp 5701 from sg-cache"); err == nil {
		t.Error("a rule without a range was accepted")
	}
}

func TestByPrefixTakesTheLongest(t *testing.T) {
	m := map[string]int{"": 0, "ecs": 1, "ecs-a": 2}
	for name, want := range map[string]int{"ec2.": 0, "ecs.": 1, "ecs-a.": 2} {
		if got, ok := byPrefix(m, name); got != want || !ok {
			t.Errorf("%s: got %d, %v, want %d", name, got, ok, want)
		}
	}
	if _, ok := byPrefix(map[string]int{"ecs": 1}, "ec2"); ok {
		t.Error("found a name that has no prefix there")
	}
}
