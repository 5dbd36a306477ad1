package gate

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

// door records what is set.
type door struct {
	values []string
	err    error
}

func (d *door) PutAttribute(_ context.Context, cluster, arn, name, value string) error {
	if d.err == nil {
		d.values = append(d.values, cluster+" "+arn+" "+name+"="+value)
	}
	return d.err
}

func TestTheAttributeFollowsTwoLooksThatAgree(t *testing.T) {
	const o, c, u = Open, Closed, Undecided
	for name, tt := range map[string]struct {
		looks []State
		want  []string
	}{
		"nothing is known":                       {[]State{u, u, u}, nil},
		"one look is not enough":                 {[]State{o}, nil},
		"open":                                   {[]State{o, o, o, o}, []string{"open"}},
		"closed for one look":                    {[]State{o, o, c, o, c, o}, []string{"open"}},
		"closed for two looks":                   {[]State{o, o, c, c}, []string{"open", "closed"}},
		"unknown does not close":                 {[]State{o, o, u, u, u, u}, []string{"open"}},
		"unknown between two looks that agree":   {[]State{o, o, c, u, c}, []string{"open"}},
		"closed at the start, and open later on": {[]State{c, c, o, o}, []string{"closed", "open"}},
	} {
		d := &door{}
		g := &Gate{Name: "muster.ports", API: d}
		for _, look := range tt.looks {
			_, _, again := g.Observe(t.Context(), look, Self{"prod", "arn"})
			if again != (look != u && look != g.set) {
				t.Errorf("%s: again is %t after %s", name, again, look)
			}
		}
		var want []string
		for _, value := range tt.want {
			want = append(want, "prod arn muster.ports="+value)
		}
		if !slices.Equal(d.values, want) {
			t.Errorf("%s: %q, want %q", name, d.values, want)
		}
	}
}

func TestAFailureIsReportedOnceAndTriedAgain(t *testing.T) {
	d := &door{err: errors.New("ecs:PutAttributes is not allowed: request 1")}
	g := &Gate{Name: "muster.ports", API: d}
	lines := 0
	for range 4 {
		if line, failed, _ := g.Observe(t.Context(), Closed, Self{"prod", "arn"}); line != "" {
			lines++
			if !failed || !strings.Contains(line, "is unchanged: ecs:PutAttributes is not allowed") {
				t.Error(line)
			}
		}
	}
	if lines != 1 || len(d.values) != 0 {
		t.Errorf("%d lines, set %q", lines, d.values)
	}
	d.err = nil
	if line, failed, _ := g.Observe(t.Context(), Closed, Self{"prod", "arn"}); failed || !strings.Contains(line, "muster.ports=closed") {
		t.Error(line)
	}
	other := &Gate{Name: "muster.ports", API: d}
	for range 2 {
		other.Observe(t.Context(), Open, Self{})
	}
	if len(d.values) != 1 {
		t.Errorf("an instance that ECS did not confirm was changed: %q", d.values)
	}
}

func TestCheckName(t *testing.T) {
	for name, good := range map[string]bool{"muster.ports": true, "a/b_c-1": true, "": false, "a b": false, "ecs.instance-type": false,
		"com.amazonaws.ecs.capability.x": false, strings.Repeat("a", 129): false, "a=open": false, "a\x1b": false} {
		if err := CheckName(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
}
