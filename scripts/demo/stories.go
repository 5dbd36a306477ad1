package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"muster/internal/sandbox"
)

var stories = []story{
	{"An instance boots, joins its cluster and reports it", instance(), joins},
	{"The cluster name has a typo", instance(), mistyped},
	{"The ECS agent started too early and registered in the cluster \"default\"", instance(), stale},
	{"A security group rule ends four ports too early, for one of three peers", instance(), closed},
	{"A container turns unhealthy, and the agent reports it", instance(), containerStory},
	{"An instance is ready when its service's task is healthy, not when it has registered", instance(), awaitsService},
	{"A service lacks a task: a laptop shows the cluster, and why the task does not fit", instance(), laptop},
}

// instance is a member of an Auto Scaling group with a launch hook, in a stack that waits for a signal.
func instance() sandbox.Options {
	return sandbox.Options{
		Region:   "eu-west-1",
		Clusters: []string{"default", "prod", "prod-batch", "staging"},
		Group:    &sandbox.Group{Name: "workers", Hooks: []sandbox.Hook{{Name: "ready", Timeout: 5 * time.Minute}}},
		Stacks:   map[string][]string{"web": {"Workers"}},
		Agent:    sandbox.AgentPlan{After: time.Second},
	}
}

const config = "/etc/ecs/ecs.config"

// userData returns the commands of user data for the given cluster.
func userData(cluster string, more ...string) []string {
	return append([]string{"bootstrap", "--cluster", cluster, "--cfn-stack", "web", "--cfn-resource", "Workers",
		"--lifecycle-hook", "ready", "--on-failure", "abandon"}, more...)
}

func joins(s *stage) error {
	s.comment("The image ships an ecs.config that the ECS agent misreads: the quotes become part of the name.")
	if err := s.write(config, "# from the image\nECS_CLUSTER=\"default\"\nECS_LOGLEVEL=info\n"); err != nil {
		return err
	}
	s.show(config)
	s.comment("User data configures the instance and does not wait: the ECS agent starts only after user data ends.")
	if err := s.muster(0, userData("prod", "--ecs", "ECS_RESERVED_MEMORY=256")...); err != nil {
		return err
	}
	s.show(config)
	s.comment("Now systemd starts ecs.service, and muster-verify.service waits until the ECS agent has registered.")
	if err := s.box.StartAgent(context.Background()); err != nil {
		return err
	}
	if err := s.muster(0, "verify"); err != nil {
		return err
	}
	return s.outcome("SUCCESS", "CONTINUE")
}

func mistyped(s *stage) error {
	s.comment("The clusters are default, prod, prod-batch and staging. User data says \"prdo\".")
	if err := s.muster(78, userData("prdo")...); err != nil {
		return err
	}
	s.show(config)
	s.comment("ecs.config is unchanged, and CloudFormation and the launch hook got their signal at once, not after a timeout. On the " +
		"instance:")
	if err := s.debug("no cluster prdo in region eu-west-1"); err != nil {
		return err
	}
	return s.outcome("FAILURE", "ABANDON")
}

func stale(s *stage) error {
	if err := sandbox.WriteCheckpoint(s.root, sandbox.Checkpoint{Cluster: "default", InstanceID: "i-0123456789abcdef0",
		ARN: "arn:aws:ecs:eu-west-1:123456789012:container-instance/default/0aa1"}); err != nil {
		return err
	}
	s.comment("With this checkpoint the ECS agent exits in any other cluster, so bootstrap fails. On the instance:")
	if err := s.muster(1, "bootstrap", "--cluster", "prod"); err != nil {
		return err
	}
	if err := s.debug("agent.db holds cluster \"default\""); err != nil {
		return err
	}
	s.comment("--reset-stale-state moves the checkpoint aside.")
	if err := s.muster(0, userData("prod", "--reset-stale-state")...); err != nil {
		return err
	}
	if err := s.box.StartAgent(context.Background()); err != nil {
		return err
	}
	if err := s.muster(0, "verify"); err != nil {
		return err
	}
	s.comment("A second run changes nothing.")
	if err := s.muster(0, userData("prod")...); err != nil {
		return err
	}
	return s.outcome("SUCCESS", "CONTINUE")
}

// outcome shows and checks what CloudFormation and the launch hook received.
func (s *stage) outcome(signal, hook string) error {
	signals := s.box.Signals("web")
	if len(signals) == 0 {
		return errors.New("the stack received no signal")
	}
	fmt.Fprintf(s.out, "\n# CloudFormation got %s for %s; the launch hook got %s\n", signals[0].Status, signals[0].Resource,
		s.box.Hook("ready").Result)
	s.calls()
	if signals[0].Status != signal || s.box.Hook("ready").Result != hook {
		return fmt.Errorf("expected %s and %s", signal, hook)
	}
	return nil
}

func (s *stage) write(path, text string) error {
	at := filepath.Join(s.root, path)
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		return err
	}
	return os.WriteFile(at, []byte(text), 0o600)
}

// closed shows a typical problem: one wrong rule splits a replicated cache.
func closed(s *stage) error {
	s.cacheGroups()
	s.comment("Three peers replicate an Ignite cache with this instance. One has another security group, whose rule ends four ports too " +
		"early.")
	if err := s.muster(0, "bootstrap", "--cluster", "prod", "--ports", "ignite2-compact"); err != nil {
		return err
	}
	if err := s.box.StartAgent(context.Background()); err != nil {
		return err
	}
	if err := s.muster(0, "verify"); err != nil {
		return err
	}
	if err := s.debug("i-0aaaaaaaaaaaaaaa3 cannot reach i-0123456789abcdef0 on tcp 47106-47109"); err != nil {
		return err
	}
	if err := s.muster(1, "ports"); err != nil {
		return err
	}
	s.comment("Now run the printed command.")
	if err := s.authorize(); err != nil {
		return err
	}
	return s.muster(0, "ports")
}

// cacheGroups puts this instance and three peers into two security groups.
func (s *stage) cacheGroups() {
	s.box.AddSecurityGroup(sandbox.SecurityGroup{ID: "sg-cache", Rules: []sandbox.Rule{
		{Protocol: "tcp", First: 47500, Last: 47509, CIDR: "10.0.0.0/16"},
		{Protocol: "tcp", First: 47100, Last: 47109, Group: "sg-cache"},
		{Protocol: "tcp", First: 47100, Last: 47105, Group: "sg-batch"}, sandbox.AllEgress(),
	}})
	s.box.AddSecurityGroup(sandbox.SecurityGroup{ID: "sg-batch", Rules: []sandbox.Rule{
		{Protocol: "tcp", First: 47000, Last: 47999, CIDR: "10.0.0.0/16"}, sandbox.AllEgress(),
	}})
	s.box.EditInstance("i-0123456789abcdef0", func(i *sandbox.Instance) { i.Interfaces[0].Groups = []string{"sg-cache"} })
	for i, group := range []string{"sg-cache", "sg-cache", "sg-batch"} {
		s.box.AddPeer("prod", fmt.Sprintf("i-0aaaaaaaaaaaaaaa%d", i+1), sandbox.Interface{
			ID: fmt.Sprintf("eni-%d", i+1), Addrs: []string{fmt.Sprintf("10.0.1.2%d", i+1)}, Groups: []string{group}})
	}
}

func (s *stage) authorize() error {
	_, err := ec2.NewFromConfig(s.box.AWSConfig()).AuthorizeSecurityGroupIngress(context.Background(), &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: aws.String("sg-cache"),
		IpPermissions: []types.IpPermission{{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(47106), ToPort: aws.Int32(47109),
			UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: aws.String("sg-batch")}}}},
	})
	return err
}
