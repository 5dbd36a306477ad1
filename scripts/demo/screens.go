package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"muster/internal/sandbox"
	"muster/internal/sandbox/dockerd"
	"muster/test/observe"
)

// screen is a block in the documentation that contains commands and the output of the real binary on a sandboxed
// instance. In the page, the block starts with <!-- screen: NAME --> and a fence.
type screen struct {
	name string
	page string // path below docs/
	play func(*stage) error
}

var screens = []screen{
	{"misread", "guides/debug.md", misreadConfig},
	{"security-groups", "guides/security-groups.md", closedPorts},
	{"ports-baseline", "guides/ports-baseline.md", closedSince},
	{"clusters", "guides/clusters.md", mistypedCluster},
	{"zones", "guides/zones.md", closedZone},
	{"front-ends", "guides/front-ends.md", frontEnds},
	{"resources", "guides/resources.md", outOfMemory},
	{"healthy", "guides/task-health.md", unhealthyTask},
	{"task-definitions", "guides/task-definitions.md", runningRevisions},
	{"schedule", "guides/schedule.md", emptyGroup},
	{"start-stop", "guides/start-stop.md", afterStart},
	{"fleet", "../README.md", sickFleet},
	{"fit", "guides/fit.md", noRoom},
	{"fleet-dark", "guides/fleet.md", darkFleet},
	{"fleet-wait", "guides/fleet.md", wokenFleet},
}

// document runs every screen, writes its output into its page, and draws the pictures.
func document(docs, binary string) error {
	for _, sc := range screens {
		var text bytes.Buffer
		err := on(instance(), func(s *stage) error {
			s.out, s.binary = &text, binary
			return sc.play(s)
		})
		if err == nil {
			err = replace(filepath.Join(docs, sc.page), sc.name, strings.TrimSpace(text.String()))
		}
		if err != nil {
			return fmt.Errorf("screen %s: %w", sc.name, err)
		}
	}
	return draw(filepath.Join(docs, "pictures"), binary)
}

// replace replaces the text of the fenced block that follows the comment with the given name.
func replace(page, name, text string) error {
	data, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	block := regexp.MustCompile("(?s)(<!-- screen: " + regexp.QuoteMeta(name) + " -->\n```\n).*?(\n```\n)")
	if len(block.FindAll(data, -1)) != 1 {
		return fmt.Errorf("%s does not have one block <!-- screen: %s -->", page, name)
	}
	return os.WriteFile(page, block.ReplaceAllFunc(data, func(old []byte) []byte {
		m := block.FindSubmatch(old)
		return bytes.Join([][]byte{m[1], []byte(text), m[2]}, nil)
	}), 0o644)
}

// types shows a command and its output. If answer is set, it shows only the output before the first empty line.
func (s *stage) types(line string, wantExit int, answer bool, args ...string) error {
	var out bytes.Buffer
	hide := &rootless{&out, s.root}
	got := s.run(hide, hide, args...)
	text := out.String()
	if answer {
		text, _, _ = strings.Cut(text, "\n\n")
	}
	fmt.Fprintf(s.out, "$ %s\n%s\n\n", line, strings.TrimRight(text, "\n"))
	if got != wantExit {
		return fmt.Errorf("%s exited with %d, not %d:\n%s", line, got, wantExit, out.String())
	}
	return nil
}

// configured makes ecs.config name the given cluster, and starts the ECS agent.
func (s *stage) configured(cluster string) error {
	if err := s.write(config, "ECS_CLUSTER="+cluster+"\n"); err != nil {
		return err
	}
	return s.box.StartAgent(context.Background())
}

func mistypedCluster(s *stage) error {
	if err := s.configured("prdo"); err != nil {
		return err
	}
	return s.types("sudo muster debug", 1, true, "debug")
}

// misreadConfig shows an ecs.config with a space before "=", which the ECS agent reads as part of the key.
func misreadConfig(s *stage) error {
	if err := s.write(config, "# from the image\nECS_LOGLEVEL=info\nECS_CLUSTER =prod\n"); err != nil {
		return err
	}
	if err := s.box.StartAgent(context.Background()); err != nil {
		return err
	}
	if err := await("the registration", func() bool { return s.box.Agent.Status().ARN != "" }); err != nil {
		return err
	}
	var out bytes.Buffer
	s.run(&rootless{&out, s.root}, io.Discard, "debug")
	answer, _, found := strings.Cut(out.String(), " checks: ")
	if !found {
		return fmt.Errorf("muster debug printed no answer:\n%s", out.String())
	}
	answer = answer[:strings.LastIndex(answer, "\n")]
	_, err := fmt.Fprintf(s.out, "$ sudo muster debug\n%s\n", strings.TrimSpace(answer))
	return err
}

// closedPorts shows three instances in two security groups, with a rule whose port range is four ports too short.
func closedPorts(s *stage) error {
	s.cacheGroups()
	return s.types("muster ports --cluster prod --ports ignite2-compact", 1, false,
		"ports", "--cluster", "prod", "--ports", "ignite2-compact")
}

// closedSince compares the facts from before a rule was added with those after it.
func closedSince(s *stage) error {
	s.cacheGroups()
	now, baseline := filepath.Join(s.root, "now.json"), filepath.Join(s.root, "prod.json")
	save := func(path string) int {
		return s.run(io.Discard, io.Discard, "ports", "--cluster", "prod", "--ports", "ignite2-compact", "--save", path)
	}
	if code := save(now); code != 1 {
		return fmt.Errorf("the ports are open before the rule was added: exit code %d", code)
	}
	if err := s.authorize(); err != nil {
		return err
	}
	if code := save(baseline); code != 0 {
		return fmt.Errorf("the ports are closed after the rule was added: exit code %d", code)
	}
	shown := s.out
	var out bytes.Buffer
	s.out = &out
	err := s.types("muster ports --from now.json --baseline prod.json", 1, false, "ports", "--from", now, "--baseline", baseline)
	text := momentary.ReplaceAllString(out.String(), "2026-01-05T06:00:00Z")
	_, _ = io.WriteString(shown, aged.ReplaceAllString(text, "read 3h ago"))
	s.out = shown
	return err
}

// Text that differs each time the screen is played.
var (
	momentary = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
	aged      = regexp.MustCompile(`read \S+ ago`)
)

// closedZone shows tasks in two zones, and a network ACL that blocks the port in the second zone.
func closedZone(s *stage) error {
	s.box.AddSecurityGroup(sandbox.SecurityGroup{ID: "sg-web", Rules: []sandbox.Rule{
		{Protocol: "tcp", First: 5701, Last: 5701, Group: "sg-web"}, sandbox.AllEgress()}})
	all := sandbox.ACLEntry{Number: 100, Egress: true, Protocol: "-1", CIDR: "0.0.0.0/0"}
	s.box.AddACL(sandbox.ACL{ID: "acl-zone-b", Subnets: []string{"subnet-zone-b"}, Entries: []sandbox.ACLEntry{
		all, {Number: 100, Protocol: "6", CIDR: "10.0.0.0/16", First: 80, Last: 443},
		{Number: 110, Protocol: "6", CIDR: "10.0.0.0/16", First: 32768, Last: 65535}}})
	for i, zone := range []string{"a", "a", "b"} {
		s.box.AddTask("prod", sandbox.RunningTask{Arn: fmt.Sprintf("arn:aws:ecs:eu-west-1:123456789012:task/prod/%d", i+1),
			Service: "web", Interface: sandbox.Interface{
				ID: fmt.Sprintf("eni-web-%d", i+1),
				Addrs: []string{
					fmt.Sprintf("10.0.%d.2%d", strings.Index("ab", zone), i+1),
				},
				Groups: []string{"sg-web"},
				Subnet: "subnet-zone-" + zone,
			}})
	}
	return s.types("muster ports --cluster prod --service web --ports tcp/5701", 1, false,
		"ports", "--cluster", "prod", "--service", "web", "--ports", "tcp/5701")
}

// sickFleet has twelve instances, one of which has a disconnected agent, and a service whose task does not fit.
func sickFleet(s *stage) error {
	s.workers(12)
	s.fleet(12, 7)
	s.box.EditService("prod", "web", func(svc *sandbox.Service) {
		svc.RunningCount = 11
		svc.Events = []sandbox.ServiceEvent{
			{ID: "1", CreatedAt: sandbox.Epoch{Time: holidays}, Message: "(service web) was unable to place a task because " +
				"no container instance met all of its requirements. The closest matching (container-instance 0a1b) has insufficient memory available."},
		}
	})
	s.env = append(s.env, "COLUMNS=100")
	return s.types("muster fleet --cluster prod", 1, false, "fleet", "--cluster", "prod")
}

// holidays is a Friday. The screens use fixed times, so that they do not depend on the current date.
var holidays = time.Date(2029, 12, 21, 19, 0, 0, 0, time.UTC)

// workers is a group of the cluster prod, with two services.
func (s *stage) workers(desired int) {
	zero, twelve := 0, 12
	s.box.AddCapacityProvider("prod", sandbox.CapacityProvider{Name: "workers", Group: "prod-workers"})
	s.box.AddGroup(
		sandbox.ScalingGroup{Name: "prod-workers", Max: 18, Desired: desired, Zones: []string{"eu-west-1a", "eu-west-1b", "eu-west-1c"},
			Scheduled: []sandbox.ScheduledAction{{Name: "wake", Recurrence: "0 6 * * 1-5", TimeZone: "Europe/Berlin",
				Start: time.Date(2030, 1, 7, 5, 0, 0, 0, time.UTC), Min: &zero, Desired: &twelve}},
			Activities: []sandbox.Activity{{Start: holidays, Description: "Terminating EC2 instance: i-0a1b2c3d4e5f60011",
				Cause: "At 2029-12-21T19:00:05Z a scheduled action update of AutoScalingGroup constraints to min: 0, max: 18, desired: 0 " +
					"changing the desired capacity from 12 to 0."}}},
	)
	for _, name := range []string{"cache", "web"} {
		s.box.AddService(
			"prod",
			sandbox.Service{Name: name, DesiredCount: 12, RunningCount: desired, Rebalancing: "ENABLED", TaskDefinition: name + ":41",
				Providers: []sandbox.ProviderItem{{CapacityProvider: "workers", Weight: 1}}},
		)
	}
}

// fleet launches and registers the instances. The one at the given index is not connected; -1 means that all are
// connected.
func (s *stage) fleet(n, lost int) {
	var all []sandbox.GroupMember
	for i := range n {
		id, zone := fmt.Sprintf("i-0a1b2c3d4e5f6%04d", i), "eu-west-1"+string(rune('a'+i%3))
		s.box.AddInstance(sandbox.Instance{ID: id, Type: "m7i.large", Zone: zone, Launched: time.Now().Add(-60 * time.Hour),
			Tags: map[string]string{"aws:autoscaling:groupName": "prod-workers"}})
		arn := s.box.AddContainerInstance("prod", sandbox.ContainerInstance{EC2InstanceID: id, Status: "ACTIVE", AgentConnected: i != lost,
			Arn:                  fmt.Sprintf("arn:aws:ecs:eu-west-1:123456789012:container-instance/prod/0a1b2c3d4e5f60718293a4b5c6d7%04d", i),
			CapacityProviderName: "workers", VersionInfo: &sandbox.VersionInfo{AgentVersion: "1.105.1"},
			Attributes: []sandbox.Attribute{
				{Name: "ecs.availability-zone", Value: zone},
				{Name: "ecs.instance-type", Value: "m7i.large"},
			},
			RegisteredResources: sandbox.Resources(2048, 7764), RemainingResources: sandbox.Resources(1024, 3668)})
		for _, service := range []string{"cache", "web"} {
			s.box.AddTask("prod", sandbox.RunningTask{Service: service, ContainerInstance: arn})
		}
		all = append(all, sandbox.GroupMember{ID: id, Zone: zone, Type: "m7i.large"})
	}
	s.box.EditGroup("prod-workers", func(g *sandbox.ScalingGroup) { g.Members = all })
}

func darkFleet(s *stage) error {
	s.workers(0)
	s.env = append(s.env, "COLUMNS=120", "TZ=UTC")
	return s.types("muster fleet --cluster prod", 0, false, "fleet", "--cluster", "prod")
}

// wokenFleet is a fleet that has scaled up again, but lacks tasks of one service.
func wokenFleet(s *stage) error {
	s.workers(12)
	s.fleet(12, -1)
	s.box.EditService("prod", "web", func(svc *sandbox.Service) { svc.RunningCount = 10 })
	var out bytes.Buffer
	got := s.run(io.Discard, &out, "fleet", "--cluster", "prod", "--wait", "10s", "--expect", "prod-workers=12")
	if got != 1 {
		return fmt.Errorf("muster fleet --wait exited with %d, not 1:\n%s", got, out.String())
	}
	fmt.Fprintf(s.out, "$ muster fleet --cluster prod --wait 10s --expect prod-workers=12 >/dev/null\n%s", out.String())
	return nil
}

func emptyGroup(s *stage) error {
	return s.types("muster ports --cluster staging", 3, false, "ports", "--cluster", "staging")
}

func afterStart(s *stage) error {
	if err := s.configured("prod"); err != nil {
		return err
	}
	return s.types("sudo muster check --wait 5m --only registered,container-instance -v", 0, false,
		"check", "--wait", "5m", "--only", "registered,container-instance", "-v")
}

// runningRevisions shows which task definition revisions this instance runs.
func runningRevisions(s *stage) error {
	if err := s.configured("prod"); err != nil {
		return err
	}
	if err := await("the registration", func() bool { return s.box.Agent.Status().ARN != "" }); err != nil {
		return err
	}
	task := func(id, family, revision string) sandbox.Task {
		return sandbox.Task{Arn: "arn:aws:ecs:eu-west-1:123456789012:task/prod/" + id, KnownStatus: "RUNNING", DesiredStatus: "RUNNING",
			Family: family, Version: revision, Containers: []sandbox.Container{{DockerID: id, DockerName: "ecs-" + family, Name: "app"}}}
	}
	s.box.Agent.SetTasks(task("1f3a", "web", "41"), task("77c0", "web", "39"), task("b802", "batch", "7"))
	return s.pipes("sudo muster debug --bundle - 2>/dev/null | tar -xzO --wildcards '*/agent/tasks.json' | grep -E '\"(Family|Version)\"'")
}

// pipes runs a shell command line, with the binary in place of sudo muster.
func (s *stage) pipes(line string) error {
	cmd := exec.Command("sh", "-c", strings.ReplaceAll(line, "sudo muster", "\"$MUSTER\""))
	cmd.Env = append(append([]string{"PATH=" + os.Getenv("PATH"), "MUSTER=" + s.binary, "MUSTER_CONSOLE="}, s.box.Environ()...), s.env...)
	out, err := cmd.Output()
	fmt.Fprintf(s.out, "$ %s\n%s\n", line, out)
	return err
}

// engine runs play with a simulated Docker Engine on the instance.
func (s *stage) engine(play func(*dockerd.Engine) error) error {
	engine, err := dockerd.New(dockerd.Options{})
	if err != nil {
		return err
	}
	defer engine.Close()
	s.env = append(s.env, "MUSTER_DOCKER_HOST="+engine.Host())
	return play(engine)
}

func outOfMemory(s *stage) error {
	return s.engine(func(e *dockerd.Engine) error {
		for i := range 3 {
			spec := task("app")
			spec.Name = fmt.Sprintf("ecs-web-41-app-%d", i+1)
			id := e.Run(spec)
			e.OOM(id)
			e.Die(id, 137)
		}
		return s.types("sudo muster check --only containers", 1, false, "check", "--only", "containers")
	})
}

func unhealthyTask(s *stage) error {
	return s.engine(func(e *dockerd.Engine) error {
		e.Health(e.Run(task("app")), "healthy")
		e.Health(e.Run(task("cache")), "unhealthy")
		return s.types("sudo muster check --only containers", 1, false, "check", "--only", "containers")
	})
}

// frontEnds shows a task with two front ends and a back end.
func frontEnds(s *stage) error {
	if err := s.configured("prod"); err != nil {
		return err
	}
	return s.engine(func(e *dockerd.Engine) error {
		for _, name := range []string{"front-1", "front-2", "back"} {
			e.Health(e.Run(task(name)), "healthy")
		}
		agent, err := s.background(&observe.Journal{}, e.Host(), "agent")
		if err != nil {
			return err
		}
		defer func() { _ = agent.Process.Kill(); _ = agent.Wait() }()
		if err := await("three healthy containers", func() bool {
			data, _ := os.ReadFile(filepath.Join(s.root, "run/muster-agent/state.json"))
			return strings.Contains(string(data), `"state": "registered"`) && strings.Contains(string(data), `"healthy": 3`)
		}); err != nil {
			return err
		}
		return s.types("sudo muster status", 0, false, "status")
	})
}
