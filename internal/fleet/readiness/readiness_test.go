package readiness

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/internal/fleet/inventory"
	"muster/internal/fleet/verdict"
)

func TestExpectations(t *testing.T) {
	for text, want := range map[string]Expectation{
		"workers=3":       {"", "workers", 3},
		"group:workers=0": {"group", "workers", 0},
		"service:web=6":   {"service", "web", 6},
		"a=b=2":           {"", "a=b", 2}, // a group's name may have an equals sign
		"group:=2":        {"", "group:", 2},
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "workers", "=3", "workers=", "workers=-1", "workers=x"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%q is %+v", text, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("service:web=6")
	f.Fuzz(func(t *testing.T, text string) {
		if e, err := Parse(text); err == nil && (e.Count < 0 || e.Name == "") {
			t.Errorf("%q is %+v", text, e)
		}
	})
}

// waking is a group that comes back: at each step one more thing is there.
func waking(step int) *inventory.Inventory {
	inv := &inventory.Inventory{Region: "eu-west-1", Cluster: inventory.Cluster{Name: "prod", Status: "ACTIVE"},
		Groups: []inventory.Group{{Name: "workers", Max: 3, ActivitiesRead: true}},
		Services: []inventory.Service{
			{
				Name:        "web",
				Status:      "ACTIVE",
				Desired:     2,
				Deployments: []inventory.Deployment{{Status: "PRIMARY", Rollout: "COMPLETED", Definition: "web:1"}},
			},
		}}
	g := &inv.Groups[0]
	if step >= 1 {
		g.Desired = 2
	}
	if step >= 2 {
		g.Members = []inventory.Member{{ID: "i-1", Lifecycle: "InService"}, {ID: "i-2", Lifecycle: "Pending"}}
	}
	if step >= 3 {
		g.Members[1].Lifecycle = "InService"
		inv.Instances = []inventory.Instance{{ID: "i-1", Kind: inventory.EC2, Status: "ACTIVE"}}
	}
	if step >= 4 {
		inv.Instances = []inventory.Instance{
			{ID: "i-1", Kind: inventory.EC2, Status: "ACTIVE", Connected: true},
			{ID: "i-2", Kind: inventory.EC2, Status: "ACTIVE", Connected: true},
		}
	}
	if step >= 5 {
		inv.Services[0].Running = 2
	}
	return inv
}

func TestWhatAClusterThatComesBackStillLacks(t *testing.T) {
	const down = "service web: 0 of 2 tasks running"
	for name, c := range map[string]struct {
		step     int
		expected []Expectation
		closed   []string
		want     []string
	}{
		"asleep":                {0, nil, nil, []string{"group workers is asleep; when it wakes is unknown", down}},
		"asleep, with a number": {0, []Expectation{{"", "workers", 2}}, nil, []string{"group workers: 0 of 2 instances in service", down}},
		"none expected":         {0, []Expectation{{"", "workers", 0}}, nil, []string{down}},
		"launching":             {1, nil, nil, []string{"group workers: 0 of 2 instances in service", down}},
		"one in service": {
			2,
			nil,
			nil,
			[]string{"group workers: 1 of 2 instances in service", "i-1 of group workers has not registered", down},
		},
		"one registered": {
			3,
			nil,
			nil,
			[]string{"the ECS agent of i-1 is not connected", "i-2 of group workers has not registered", down},
		},
		"connected": {4, nil, nil, []string{down}},
		"back":      {5, nil, nil, nil},
		"more expected": {
			5,
			[]Expectation{{"group", "workers", 3}, {"service", "web", 4}},
			nil,
			[]string{"group workers: 2 of 3 instances in service", "service web: 2 of 4 tasks running"},
		},
		"as many as expected":     {5, []Expectation{{"", "workers", 2}, {"", "web", 2}}, nil, nil},
		"back, with closed ports": {5, nil, []string{"i-1 cannot reach i-2 on tcp 47500"}, []string{"i-1 cannot reach i-2 on tcp 47500"}},
	} {
		t.Run(name, func(t *testing.T) {
			inv := waking(c.step)
			got := Missing(inv, verdict.Evaluate(inv, time.Now()), c.expected, c.closed)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAMistypedNameIsNotWaitedFor(t *testing.T) {
	inv := waking(5)
	if err := Unknown(inv, []Expectation{{"", "workers", 3}, {"service", "web", 1}}); err != nil {
		t.Error(err)
	}
	for _, e := range []Expectation{{"", "wokers", 3}, {"group", "web", 1}, {"service", "workers", 1}} {
		if err := Unknown(inv, []Expectation{e}); err == nil {
			t.Errorf("%+v is known", e)
		}
	}
	want := "cluster prod has no group or service wokers: did you mean workers?"
	if err := Unknown(inv, []Expectation{{"", "wokers", 3}}); err.Error() != want {
		t.Errorf("%v", err)
	}
}

func TestWaitingEndsWhenNothingIsMissingOrThePatienceIsOver(t *testing.T) {
	for name, c := range map[string]struct {
		lasts, patience time.Duration
		looks           int
		missing         []string
		after           time.Duration
	}{
		"at once":       {0, 15 * time.Minute, 1, nil, 0},
		"in 25 seconds": {25 * time.Second, 15 * time.Minute, 4, nil, 30 * time.Second},
		"too late":      {time.Hour, 35 * time.Second, 5, []string{"something"}, 35 * time.Second},
		"no patience":   {time.Hour, 0, 1, []string{"something"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, looks := time.Now(), 0
				missing, err := Wait(t.Context(), c.patience, func(context.Context) ([]string, time.Duration, error) {
					looks++
					if time.Since(began) >= c.lasts {
						return nil, 0, nil
					}
					return []string{"something"}, Interval(4), nil
				})
				if err != nil || looks != c.looks || !slices.Equal(missing, c.missing) || time.Since(began) != c.after {
					t.Errorf("%d looks in %s: %v, %v", looks, time.Since(began), missing, err)
				}
			})
		})
	}
}

func TestALargeClusterIsLookedAtLessOften(t *testing.T) {
	for calls, want := range map[int]time.Duration{0: 10 * time.Second, 14: 10 * time.Second, 300: 150 * time.Second} {
		if got := Interval(calls); got != want {
			t.Errorf("%d calls: %s", calls, got)
		}
	}
}
