package capacity

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"muster/internal/awsapi"
	"muster/internal/base/exitcode"
	"muster/internal/fleet/fit"
	"muster/internal/fleet/inventory"
	"muster/internal/fleet/query"
)

// account is what AWS answers. A call fails if its IAM action is denied.
type account struct {
	API
	instances []inventory.Instance
	tasks     []awsapi.PlacedTask
	limits    map[string]int // maximumNetworkInterfaces of DescribeInstanceTypes
	providers []inventory.Provider
	service   awsapi.PlacedService
	task      awsapi.Definition
	denied    []string
	calls     []string
}

func (a *account) call(action string) error {
	a.calls = append(a.calls, action)
	if slices.Contains(a.denied, action) {
		return &awsapi.Error{Action: action, Kind: awsapi.Denied, Err: errors.New("AccessDeniedException")}
	}
	return nil
}

func page[T any](all []T, arn func(T) string, err error) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		var arns []string
		for _, one := range all {
			arns = append(arns, arn(one))
		}
		yield(arns, err)
	}
}

func (a *account) Region() string { return "eu-west-1" }

func (a *account) TaskDefinition(context.Context, string) (awsapi.Definition, error) {
	return a.task, a.call("ecs:DescribeTaskDefinition")
}

func (a *account) Service(_ context.Context, cluster, name string) (awsapi.PlacedService, error) {
	if name != a.service.Name {
		return awsapi.PlacedService{}, fmt.Errorf("%w: %s in %s", awsapi.ErrNoSuchService, name, cluster)
	}
	return a.service, a.call("ecs:DescribeServices")
}

func (a *account) ServiceARNs(context.Context, string) iter.Seq2[[]string, error] {
	return page([]string{"arn:aws:ecs:eu-west-1:1:service/prod/" + a.service.Name}, strings.Clone, a.call("ecs:ListServices"))
}

func (a *account) ContainerInstanceARNs(context.Context, string, string) iter.Seq2[[]string, error] {
	return page(a.instances, func(i inventory.Instance) string { return i.ARN }, a.call("ecs:ListContainerInstances"))
}

func (a *account) DescribeInstances(context.Context, string, []string) ([]inventory.Instance, error) {
	return a.instances, a.call("ecs:DescribeContainerInstances")
}

func (a *account) TaskARNs(context.Context, string) iter.Seq2[[]string, error] {
	return page(a.tasks, func(t awsapi.PlacedTask) string { return t.ARN }, a.call("ecs:ListTasks"))
}

func (a *account) PlacedTasks(context.Context, string, []string) ([]awsapi.PlacedTask, error) {
	return a.tasks, a.call("ecs:DescribeTasks")
}

func (a *account) InterfaceLimits(context.Context, []string) (map[string]int, error) {
	if err := a.call("ec2:DescribeInstanceTypes"); err != nil {
		return nil, err
	}
	return a.limits, nil
}

func (a *account) HighestMetric(
	context.Context, string, string, []awsapi.Dimension, time.Time,
) (*float64, int, error) {
	return nil, 0, a.call("cloudwatch:GetMetricStatistics")
}

func (a *account) DescribeProviders(context.Context, string) ([]inventory.Provider, error) {
	if err := a.call("ecs:DescribeCapacityProviders"); err != nil {
		return nil, err
	}
	return a.providers, nil
}

// roomy returns an account with one instance of a type, on which only network interfaces or GPUs can run out.
func roomy(kind string) *account {
	free := inventory.Resources{CPU: 1 << 20, Memory: 1 << 20}
	return &account{
		instances: []inventory.Instance{{ARN: "ci-1", ID: "i-1", Kind: inventory.EC2, Zone: "eu-west-1a", Type: kind, Status: "ACTIVE",
			Connected: true, Total: free, Free: free}},
		task: awsapi.Definition{Family: "web", Status: "ACTIVE", Task: fit.Task{Name: "web:1", Group: "family:web",
			Needs: fit.Amounts{CPU: 1, Memory: 1}}},
	}
}

func (a *account) trunk() {
	a.instances[0].Attributes = []inventory.Attribute{{Name: "ecs.awsvpc-trunk-id", Value: "eni-1"}}
}

func (a *account) running(amounts fit.Amounts) {
	a.tasks = append(a.tasks, awsapi.PlacedTask{Instance: "ci-1", Placed: fit.Placed{ARN: "task", Group: "service:db", Amounts: amounts}})
}

// want is what a case expects of the only instance.
type want struct {
	fits    query.Truth
	copies  int
	missing string // part of the text of what is missing
	note    string // part of a note; empty if there must be none
}

func (w want) check(t *testing.T, got *Answer) {
	t.Helper()
	var texts []string
	for _, m := range got.Instances[0].Missing {
		texts = append(texts, m.Text)
	}
	missing, notes := strings.Join(texts, "; "), strings.Join(got.Notes, "; ")
	if got.Verdict != w.fits || got.Copies != w.copies {
		t.Errorf("verdict %s with %d copies, want %s with %d", got.Verdict, got.Copies, w.fits, w.copies)
	}
	if !strings.Contains(missing, w.missing) || (w.missing == "") != (missing == "") {
		t.Errorf("missing %q, want %q", missing, w.missing)
	}
	if !strings.Contains(notes, w.note) || (w.note == "") != (notes == "") {
		t.Errorf("notes %q, want %q", notes, w.note)
	}
}

// The numbers are those of the ECS developer guide, container-instance-eni: a c5.large has three network interfaces and
// runs two tasks in awsvpc mode, or ten with a trunk. An m7i.large has three (EC2 instance types, network specifications).
func TestNetworkInterfacesLimitTheCopies(t *testing.T) {
	three := map[string]int{"c5.large": 3, "m7i.large": 3}
	for name, c := range map[string]struct {
		kind string
		edit func(*account)
		want want
	}{
		"without a trunk":              {"c5.large", nil, want{fits: query.Yes, copies: 2}},
		"with a trunk":                 {"c5.large", (*account).trunk, want{fits: query.Yes, copies: 10}},
		"a task has one already":       {"c5.large", func(a *account) { a.running(fit.Amounts{ENI: 1}) }, want{fits: query.Yes, copies: 1}},
		"a task in bridge mode":        {"c5.large", func(a *account) { a.running(fit.Amounts{CPU: 1}) }, want{fits: query.Yes, copies: 2}},
		"a type newer than AWS's page": {"m7i.large", nil, want{fits: query.Yes, copies: 2}},
		"that type with a trunk": {"m7i.large", (*account).trunk,
			want{fits: query.Unknown, missing: "limit of type m7i.large with a trunk interface"}},
		"EC2 is denied": {"c5.large", func(a *account) { a.denied = []string{"ec2:DescribeInstanceTypes"} },
			want{fits: query.Yes, copies: 2, note: "ec2:DescribeInstanceTypes is not allowed"}},
		"EC2 is denied, and the type is newer": {"m7i.large", func(a *account) { a.denied = []string{"ec2:DescribeInstanceTypes"} },
			want{fits: query.Unknown, missing: "limit of type m7i.large", note: "ec2:DescribeInstanceTypes is not allowed"}},
		"the tasks are denied": {"c5.large", func(a *account) { a.denied = []string{"ecs:DescribeTasks"} },
			want{fits: query.Unknown, missing: "the tasks of the instance could not be read", note: "ecs:DescribeTasks is not allowed"}},
		"all are in use": {"c5.large", func(a *account) { a.running(fit.Amounts{ENI: 1}); a.running(fit.Amounts{ENI: 1}) },
			want{fits: query.No, missing: "needs 1 network interface for a task, 0 free"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := roomy(c.kind)
			a.task.Awsvpc, a.task.Task.Needs.ENI, a.limits = true, 1, three
			if c.edit != nil {
				c.edit(a)
			}
			got, err := Evaluate(t.Context(), a, Question{Cluster: "prod", Definition: "web"})
			if err != nil {
				t.Fatal(err)
			}
			c.want.check(t, got)
		})
	}
}

// A g4dn.12xlarge has four GPUs (EC2 instance types, accelerated computing). Which of them are free follows from the
// tasks.
func TestGPUsLimitTheCopies(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*account)
		want want
	}{
		"all are free":   {func(*account) {}, want{fits: query.Yes, copies: 2}},
		"a task has one": {func(a *account) { a.running(fit.Amounts{GPU: 1}) }, want{fits: query.Yes, copies: 1}},
		"a task has three": {func(a *account) { a.running(fit.Amounts{GPU: 3}) },
			want{fits: query.No, missing: "needs 2 GPUs, 1 free"}},
		"the tasks are denied": {func(a *account) { a.denied = []string{"ecs:ListTasks"} },
			want{fits: query.Unknown, missing: "free GPUs: the tasks of the instance could not be read", note: "ecs:ListTasks is not allowed"}},
		"an instance without GPUs, the tasks are denied": {func(a *account) {
			a.instances[0].Total.GPUs, a.denied = nil, []string{"ecs:ListTasks"}
		}, want{fits: query.No, missing: "needs 2 GPUs, 0 free", note: "ecs:ListTasks is not allowed"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := roomy("g4dn.12xlarge")
			a.instances[0].Total.GPUs = []string{"GPU-1", "GPU-2", "GPU-3", "GPU-4"}
			a.task.Task.Needs.GPU = 2
			c.edit(a)
			got, err := Evaluate(t.Context(), a, Question{Cluster: "prod", Definition: "web"})
			if err != nil {
				t.Fatal(err)
			}
			c.want.check(t, got)
		})
	}
}

func TestOnlyInstancesOfTheUserAreEvaluated(t *testing.T) {
	managed := []inventory.Provider{{Name: "auto", Managed: true}, {Name: "workers", Group: "workers"}}
	for name, c := range map[string]struct {
		edit func(*account)
		want query.Truth
		text string
		note string
	}{
		"external": {func(a *account) { a.instances[0].Kind, a.instances[0].ID = inventory.External, "mi-1" }, query.Unknown,
			"external instance", ""},
		"managed":               {func(a *account) { a.instances[0].Provider = "auto" }, query.Unknown, "ECS manages this instance", ""},
		"of a group's provider": {func(a *account) { a.instances[0].Provider = "workers" }, query.Yes, "", ""},
		"the providers are denied": {func(a *account) {
			a.instances[0].Provider, a.denied = "workers", []string{"ecs:DescribeCapacityProviders"}
		}, query.Yes, "", "ecs:DescribeCapacityProviders is not allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			a := roomy("c5.large")
			a.providers, a.task.Task.Needs = managed, fit.Amounts{CPU: 1 << 20, Memory: 1}
			c.edit(a)
			got, err := Evaluate(t.Context(), a, Question{Cluster: "prod", Definition: "web"})
			if err != nil {
				t.Fatal(err)
			}
			copies := 0
			if c.want == query.Yes {
				copies = 1
			}
			want{c.want, copies, c.text, c.note}.check(t, got)
		})
	}
}

func TestAServiceAsksForWhatItLacks(t *testing.T) {
	a := roomy("c5.large")
	a.service.Service = inventory.Service{Name: "web", Definition: "web:1", Desired: 5, Running: 2, Scheduling: "DAEMON"}
	a.task.Status = "INACTIVE" // "existing tasks and services continue to run" (developer guide, task_definition_parameters)
	got, err := Evaluate(t.Context(), a, Question{Cluster: "prod", Service: "web"})
	if err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(got.Notes, "\n")
	if got.Count != 3 || got.Task.Group != "service:web" || !strings.Contains(notes, "is INACTIVE") || !strings.Contains(notes, "daemon") {
		t.Errorf("%d copies of group %s, notes:\n%s", got.Count, got.Task.Group, notes)
	}
}

func TestAQuestionThatCannotBeAnswered(t *testing.T) {
	for name, c := range map[string]struct {
		q    Question
		edit func(*account)
		code int
		text string
	}{
		"a mistyped service": {Question{Service: "wbe"}, func(*account) {}, exitcode.Usage, "did you mean web?"},
		"an inactive task definition": {Question{Definition: "web"}, func(a *account) { a.task.Status = "INACTIVE" }, exitcode.Usage,
			"ECS starts no new task from it"},
		"the task definition is denied": {Question{Definition: "web"}, func(a *account) { a.denied = []string{"ecs:DescribeTaskDefinition"} },
			exitcode.Undetermined, "ecs:DescribeTaskDefinition is not allowed"},
		"the instances are denied": {Question{Definition: "web"}, func(a *account) { a.denied = []string{"ecs:ListContainerInstances"} },
			exitcode.Undetermined, "ecs:ListContainerInstances is not allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			a := roomy("c5.large")
			a.service.Name = "web"
			c.edit(a)
			c.q.Cluster = "prod"
			_, err := Evaluate(t.Context(), a, c.q)
			if err == nil || exitcode.Of(err) != c.code || !strings.Contains(err.Error(), c.text) {
				t.Errorf("exit code %d, error %v", exitcode.Of(err), err)
			}
		})
	}
}

func TestACallIsMadeOnlyIfItsAnswerIsUsed(t *testing.T) {
	empty := roomy("c5.large")
	empty.instances = nil
	got, err := Evaluate(t.Context(), empty, Question{Cluster: "prod", Definition: "web"})
	if err != nil {
		t.Fatal(err)
	}
	if got.Verdict != query.No || len(got.Notes) != 1 || slices.Contains(empty.calls, "ecs:ListTasks") {
		t.Errorf("verdict %s, notes %q, calls %q", got.Verdict, got.Notes, empty.calls)
	}
	bridge := roomy("c5.large")
	if _, err := Evaluate(t.Context(), bridge, Question{Cluster: "prod", Definition: "web"}); err != nil {
		t.Fatal(err)
	}
	for _, action := range []string{"ec2:DescribeInstanceTypes", "ecs:DescribeCapacityProviders"} {
		if slices.Contains(bridge.calls, action) {
			t.Errorf("%s was called for a task in bridge mode and instances without a capacity provider", action)
		}
	}
}
