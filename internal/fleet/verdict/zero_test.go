package verdict

import (
	"strings"
	"testing"

	"muster/internal/fleet/inventory"
)

// One group of two sleeps: only the services of its capacity provider wait for it.
func TestAServiceOfASleepingGroupIsNoProblem(t *testing.T) {
	inv := healthy()
	inv.Providers = append(inv.Providers, inventory.Provider{Name: "night", Group: "batch"})
	inv.Groups = append(inv.Groups, inventory.Group{Name: "batch", Max: 4, Provider: "night", ActivitiesRead: true})
	inv.Services = append(
		inv.Services,
		inventory.Service{Name: "report", Status: "ACTIVE", Providers: []string{"night"}, Scheduling: "REPLICA", Desired: 2},
	)
	v := Evaluate(inv, now)
	if v.Status != Info || !strings.HasPrefix(v.Line, "Healthy: ") || v.Problems[0].ID != "service-asleep" || v.Asleep {
		t.Errorf("%s %q %+v", v.Status, v.Line, v.Problems)
	}
}

// A schedule of Application Auto Scaling sets the desired count of a service. muster does not read it, and says so.
func TestAServiceThatIsScaledToZeroIsNamed(t *testing.T) {
	inv := healthy()
	inv.Services[0].Desired, inv.Services[0].Running, inv.Tasks = 0, 0, nil
	v := Evaluate(inv, now)
	if v.Status != Info || len(v.Problems) != 1 || v.Problems[0].ID != "service-zero" || v.Services[0].Wrong != "scaled to 0" ||
		!strings.Contains(strings.Join(v.Problems[0].Why, "\n"), "Application Auto Scaling") {
		t.Errorf("%s %q, problems %+v, service %+v", v.Status, v.Line, v.Problems, v.Services[0])
	}
	inv.Services[0].Scheduling = "DAEMON" // it has as many tasks as there are instances that its constraints allow
	if v := Evaluate(inv, now); len(v.Problems) != 0 {
		t.Errorf("a daemon: %+v", v.Problems)
	}
}

// A task that is pending has not stopped: the fix looks at what it waits for.
func TestTheFixForPendingTasksLooksAtThem(t *testing.T) {
	inv := healthy()
	inv.Services[0].Running, inv.Services[0].Pending = inv.Services[0].Desired-1, 1
	v := Evaluate(inv, now)
	if len(v.Problems) == 0 || strings.Contains(strings.Join(v.Problems[0].Fix.Commands, "\n"), "STOPPED") {
		t.Errorf("problems %+v", v.Problems)
	}
}
