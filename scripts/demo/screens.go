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
	{"clusters", "guides/clusters.md", mistypedCluster},
	{"zones", "guides/zones.md", closedZone},
	{"front-ends", "guides/front-ends.md", frontEnds},
	{"resources", "guides/resources.md", outOfMemory},
	{"healthy", "guides/task-health.md", unhealthyTask},
	{"task-definitions", "guides/task-definitions.md", runningRevisions},
	{"schedule", "guides/schedule.md", emptyGroup},
	{"start-stop", "guides/start-stop.md", afterStart},
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
