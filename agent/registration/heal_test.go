package registration_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"muster/agent/registration"
	"muster/internal/awsapi"
	"muster/internal/host/imds"
	"muster/internal/sandbox"
	"muster/internal/term"
)

const self = "i-0123456789abcdef0"

var twenty = []string{"i-01", "i-02", "i-03", "i-04", "i-05", "i-06", "i-07", "i-08", "i-09", "i-10",
	"i-11", "i-12", "i-13", "i-14", "i-15", "i-16", "i-17", "i-18", "i-19"}

// patient is a disconnected instance in a group of twenty, with its healer.
type patient struct {
	*sandbox.Sandbox
	registration.Healer
	registration.Snapshot
	journal bytes.Buffer
}

func disconnected(t *testing.T) *patient {
	t.Helper()
	box, err := sandbox.New(sandbox.Options{Clusters: []string{"prod"}, Group: &sandbox.Group{Name: "workers", Others: twenty}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	p := &patient{Sandbox: box}
	arn := box.AddContainerInstance("prod", sandbox.ContainerInstance{EC2InstanceID: self, Status: "ACTIVE"})
	api := awsapi.FromConfig(box.AWSConfig())
	p.Healer = registration.Healer{
		After: 30 * time.Minute, MaxShare: 10, InstanceID: self, Group: api, ClusterInstances: api,
		Lifecycle: imds.New(box.IMDSURL(), time.Second), Log: slog.New(term.NewHandler(&p.journal, true)),
	}
	now := time.Now()
	p.Snapshot = registration.Snapshot{State: registration.Disconnected, Cluster: "prod", ARN: arn,
		ECS: registration.ECSStatus{At: now, Status: "ACTIVE", EC2: self, Off: 3, OffSince: now.Add(-31 * time.Minute)}}
	return p
}

// again delivers the next response of ECS to the healer.
func (p *patient) again(t *testing.T) string {
	p.ECS.At = p.ECS.At.Add(10 * time.Minute)
	p.ECS.Off++
	return p.Evaluate(t.Context(), p.Snapshot)
}

func TestALongDisconnectedInstanceIsReplacedOnce(t *testing.T) {
	p := disconnected(t)
	said := p.Evaluate(t.Context(), p.Snapshot)
	if p.InstanceHealth() != "Unhealthy" || !strings.Contains(said, "1 of 20 instances of workers") {
		t.Fatalf("the instance is %s: %s", p.InstanceHealth(), p.journal.String())
	}
	p.again(t)
	if n := p.CallCount(sandbox.AutoScaling, "SetInstanceHealth"); n != 1 {
		t.Errorf("SetInstanceHealth was called %d times", n)
	}
	if call := p.Calls()[len(p.Calls())-1]; call.Params["ShouldRespectGracePeriod"] != "true" {
		t.Errorf("the grace period is not respected: %v", call.Params)
	}
	p.ECS = registration.ECSStatus{At: p.ECS.At.Add(time.Minute), Connected: true, Status: "ACTIVE", EC2: self}
	p.Evaluate(t.Context(), p.Snapshot)
	p.ECS = registration.ECSStatus{At: p.ECS.At.Add(time.Hour), Status: "ACTIVE", EC2: self, Off: 3, OffSince: p.ECS.At}
	if p.Evaluate(t.Context(), p.Snapshot) == "" {
		t.Error("an instance that came back and went again is not considered")
	}
}

func TestWhatHoldsAReplacementBackIsSaid(t *testing.T) {
	down := func(p *patient, n int) {
		for _, id := range twenty[:n] {
			p.SetOther(id, "InService", "Unhealthy")
		}
	}
	cut := func(p *patient, n int) {
		for range n {
			p.AddContainerInstance("prod", sandbox.ContainerInstance{Status: "ACTIVE"})
		}
	}
	deny := func(service, action string) func(*patient) {
		return func(p *patient) { p.Inject(sandbox.AccessDenied(service, action)) }
	}
	for name, c := range map[string]struct {
		spoil func(*patient)
		want  string // part of the journal line; empty if there is none
	}{
		"nobody asked for it":           {func(p *patient) { p.After = 0 }, ""},
		"not for long enough":           {func(p *patient) { p.ECS.OffSince = p.ECS.At.Add(-29 * time.Minute) }, ""},
		"two answers are not enough":    {func(p *patient) { p.ECS.Off = 2 }, ""},
		"ECS could not be asked":        {func(p *patient) { p.ECS.Trouble = "denied" }, ""},
		"it never was registered":       {func(p *patient) { p.Snapshot = registration.Snapshot{State: registration.Lost} }, ""},
		"ECS names no EC2 instance":     {func(p *patient) { p.ECS.EC2 = "" }, "ECS has not confirmed that arn:"},
		"it is a peer's ARN":            {func(p *patient) { p.ECS.EC2 = twenty[0] }, "ECS has not confirmed that arn:"},
		"the answer was a peer's":       {func(p *patient) { p.ECS = registration.ECSStatus{Foreign: twenty[0]} }, ""},
		"it is draining":                {func(p *patient) { p.ECS.Status = "DRAINING" }, "ECS has it as DRAINING"},
		"it is in no group":             {func(p *patient) { p.SetTargetState("") }, "it is not in an Auto Scaling group"},
		"its group wants it gone":       {func(p *patient) { p.SetTargetState("Terminated") }, "its group wants it Terminated"},
		"its group wants it on standby": {func(p *patient) { p.SetTargetState("Standby") }, "its group wants it Standby"},
		"it is in the warm pool":        {func(p *patient) { p.SetTargetState("Warmed:Stopped") }, "its group wants it Warmed:Stopped"},
		"no metadata service":           {func(p *patient) { p.IMDSDown() }, "could not read its lifecycle state"},
		"its group cannot be read": {deny(sandbox.AutoScaling, "DescribeAutoScalingInstances"),
			"autoscaling:DescribeAutoScalingInstances is not allowed"},
		"the members cannot be read": {deny(sandbox.AutoScaling, "DescribeAutoScalingGroups"),
			"autoscaling:DescribeAutoScalingGroups is not allowed"},
		"the other instances cannot be read": {deny(sandbox.ECS, "ListContainerInstances"), "ecs:ListContainerInstances is not allowed"},
		"the health cannot be set":           {deny(sandbox.AutoScaling, "SetInstanceHealth"), "autoscaling:SetInstanceHealth is not allowed"},
		"two others are out already":         {func(p *patient) { down(p, 2) }, "3 of 20 instances of workers out of service with this one"},
		"one is out, another on standby":     {func(p *patient) { down(p, 1); p.SetOther("i-19", "Standby", "Healthy") }, "3 of 20 instances"},
		"the whole fleet is disconnected":    {func(p *patient) { cut(p, 19) }, "20 disconnected in the cluster, 2 allowed (10 %)"},
		"nobody else is in service": {func(p *patient) { p.MaxShare = 100; down(p, 19) },
			"no other instance of the group is in service"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := disconnected(t)
			c.spoil(p)
			p.Evaluate(t.Context(), p.Snapshot)
			if p.InstanceHealth() != "Healthy" {
				t.Fatal("it is marked unhealthy")
			}
			if journal := p.journal.String(); (journal == "") != (c.want == "") || !strings.Contains(journal, c.want) {
				t.Errorf("the journal says %q, want %q", journal, c.want)
			}
			before := p.journal.Len()
			if p.again(t); p.journal.Len() != before && c.want != "" {
				t.Errorf("it is said again: %s", p.journal.String())
			}
		})
	}
}

func TestTheConfiguredShareItselfIsAllowed(t *testing.T) {
	p := disconnected(t)
	for _, id := range twenty[:1] { // two of twenty, which is what 10 % allows
		p.SetOther(id, "Terminating:Wait", "Unhealthy")
	}
	if p.Evaluate(t.Context(), p.Snapshot); p.InstanceHealth() != "Unhealthy" {
		t.Errorf("held back at the configured share itself: %s", p.journal.String())
	}
}

// impaired is an instance that is connected, and that ECS itself finds impaired.
func (p *patient) impaired(answers int, since time.Duration) {
	now := p.ECS.At
	p.State = registration.Registered
	p.ECS = registration.ECSStatus{At: now, Connected: true, Status: "ACTIVE", EC2: self, Health: "IMPAIRED",
		HealthDetail: "CONTAINER_RUNTIME is IMPAIRED", Impaired: answers, ImpairedSince: now.Add(-since)}
}

func TestALongImpairedInstanceIsReplaced(t *testing.T) {
	for name, c := range map[string]struct {
		answers int
		since   time.Duration
		spoil   func(*patient)
		want    string
	}{
		"for longer than asked for":     {3, 31 * time.Minute, nil, "Unhealthy"},
		"not for long enough":           {3, 29 * time.Minute, nil, "Healthy"},
		"two answers are not enough":    {2, time.Hour, nil, "Healthy"},
		"no longer":                     {0, 0, func(p *patient) { p.ECS.Health = "OK" }, "Healthy"},
		"ECS could not be asked since":  {3, time.Hour, func(p *patient) { p.ECS.Trouble = "denied" }, "Healthy"},
		"nobody asked for replacements": {3, time.Hour, func(p *patient) { p.After = 0 }, "Healthy"},
		"it is draining":                {3, time.Hour, func(p *patient) { p.ECS.Status = "DRAINING" }, "Healthy"},
		"it is a peer's ARN":            {3, time.Hour, func(p *patient) { p.ECS.EC2 = twenty[0] }, "Healthy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := disconnected(t)
			p.impaired(c.answers, c.since)
			if c.spoil != nil {
				c.spoil(p)
			}
			p.Evaluate(t.Context(), p.Snapshot)
			if got := p.InstanceHealth(); got != c.want {
				t.Errorf("the instance is %s: %s", got, p.journal.String())
			}
			if c.want == "Unhealthy" && !strings.Contains(p.journal.String(), "impaired: CONTAINER_RUNTIME is IMPAIRED") {
				t.Errorf("the journal does not say why: %s", p.journal.String())
			}
		})
	}
}
