//go:build linux

package main

import (
	"muster/test/field/fieldcase"
)

// fresh makes the instance boot for the first time: the ECS agent has not started, and ecs.config does not exist.
func fresh(c *fieldcase.Case) {
	c.Absent = append(c.Absent, ecsConfig)
	c.Agent = fieldcase.Agent{}
}

// notStarted makes an instance that has an ecs.config and whose ECS agent has never started.
func notStarted(c *fieldcase.Case) { c.Agent = fieldcase.Agent{} }

// booting makes an instance whose user data is still running.
func booting(c *fieldcase.Case) {
	c.Systemd = map[string]fieldcase.Unit{"ecs.service": {State: "inactive", Job: "waiting"}, "cloud-final.service": {State: "activating"}}
}

// both combines several changes of the instance into one.
func both(all ...func(*fieldcase.Case)) func(*fieldcase.Case) {
	return func(c *fieldcase.Case) {
		for _, with := range all {
			with(c)
		}
	}
}

// Names of the stack, the Auto Scaling group and the launch hook that wait for the instance.
const (
	group      = "workers"
	hook       = "joined"
	stack      = "fleet"
	resource   = "Group"
	hookFlag   = " --lifecycle-hook " + hook
	stackFlags = " --cfn-stack " + stack + " --cfn-resource " + resource
)

// inGroup puts the instance into an Auto Scaling group with a launch hook, and into a stack that waits for a signal.
func inGroup(c *fieldcase.Case) {
	c.Instance.Group = &fieldcase.Group{Name: group, Hooks: []string{hook}}
	c.Instance.Stacks = map[string][]string{stack: {resource}}
}

// tagged makes a first boot in an Auto Scaling group whose tag names the cluster.
func tagged(c *fieldcase.Case) {
	fresh(c)
	booting(c)
	inGroup(c)
	c.Instance.Group.Tags = map[string]string{"muster:cluster": "prod"}
}

// peered adds a peer that the security groups allow to reach the instance.
func peered(c *fieldcase.Case) {
	c.AWS.Groups = map[string][]string{"sg-cache": {"tcp 5701-5702 from sg-cache"}}
	c.AWS.Peers = []fieldcase.Peer{{ID: "i-0ddddddddddddddd1", Addr: "10.0.1.21", Group: "sg-cache"}}
	c.Network.SelfGroup = "sg-cache"
}

// full mounts a full file system at path. readOnly mounts a read-only one.
func full(path string) func(*fieldcase.Case) {
	return func(c *fieldcase.Case) { c.Disks = append(c.Disks, fieldcase.Disk{Path: "/" + path, Full: true}) }
}

func readOnly(path string) func(*fieldcase.Case) {
	return func(c *fieldcase.Case) { c.Disks = append(c.Disks, fieldcase.Disk{Path: "/" + path, ReadOnly: true}) }
}

// The introspection API's answer about the container instance of a peer.
const (
	peerID    = "i-0ccccccccccccccc1"
	metadata  = "/v1/metadata"
	arnPrefix = "arn:aws:ecs:eu-central-1:123456789012:container-instance/prod/"
)

// A file of root whose content must appear nowhere.
const (
	secret     = "root:$6$secretsecret:19000:0:99999:7:::\n"
	secretFile = "etc/shadow"
)
