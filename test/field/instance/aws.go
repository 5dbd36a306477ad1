//go:build linux

package instance

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"muster/internal/sandbox"
	"muster/test/field/fieldcase"
)

// hookTimeout is the timeout of a launch hook: longer than any case.
const hookTimeout = 5 * time.Minute

var faultKinds = map[string]sandbox.Kind{
	"throttled":   sandbox.KindThrottled,
	"expired":     sandbox.KindExpiredToken,
	"unknown key": sandbox.KindUnknownKey,
}

// startAWS starts AWS and the metadata service as the case describes them.
func (i *Instance) startAWS() error {
	box, err := sandbox.New(i.options())
	if err != nil {
		return err
	}
	i.box = box
	i.cleanup = append(i.cleanup, box.Close)
	for _, name := range i.c.AWS.Inactive {
		box.SetCluster(name, "INACTIVE")
	}
	for path, text := range i.c.Instance.Metadata {
		box.SetMetadata(path, text)
	}
	i.injectFaults()
	for _, r := range i.c.AWS.Instances {
		if r.ID == "self" {
			r.ID = ownID
		}
		box.AddContainerInstance(r.Cluster, sandbox.ContainerInstance{
			Arn: r.ARN, EC2InstanceID: r.ID, Status: r.Status, AgentConnected: r.Connected,
		})
	}
	return i.addPeers()
}

func (i *Instance) options() sandbox.Options {
	of := i.c.Instance
	o := sandbox.Options{
		Root: i.disk.dir, Clusters: i.c.AWS.Clusters, InstanceTags: of.Tags, TagsInIMDS: of.TagsInMetadata, NoRole: of.NoRole,
		UserData: i.c.UserData, Stacks: of.Stacks,
		Agent: sandbox.AgentPlan{Cluster: i.c.Agent.Cluster, Disconnected: i.c.Agent.Disconnected},
	}
	if o.Clusters == nil {
		o.Clusters = []string{"default", "prod"}
	}
	if g := of.Group; g != nil {
		o.Group = &sandbox.Group{Name: g.Name, TargetState: g.State, Tags: g.Tags}
		for _, name := range g.Hooks {
			o.Group.Hooks = append(o.Group.Hooks, sandbox.Hook{Name: name, Timeout: hookTimeout})
		}
	}
	return o
}

// injectFaults arms the faults. Of several that fit a call, the first one acts.
func (i *Instance) injectFaults() {
	for _, denied := range i.c.AWS.Denied {
		service, action, _ := strings.Cut(denied, ":")
		i.box.Inject(sandbox.AccessDenied(service, strings.TrimSuffix(action, "*")))
	}
	for _, f := range i.c.AWS.Faults {
		i.box.Inject(sandbox.Fault{
			Service: f.Service, Action: f.Action, Skip: f.Skip, Times: f.Times, Kind: faultKinds[f.Kind],
			Status: f.Status, Code: f.Code, Message: f.Message, Hang: f.Hang, Body: f.Body,
		})
	}
	if ahead := i.c.ClockAhead; ahead != 0 {
		i.box.Inject(sandbox.ClockSkew("", -ahead))
		i.box.Inject(sandbox.ClockSkew(sandbox.IMDS, -ahead))
	}
}

// addPeers adds the security groups, and the peers in cluster prod.
func (i *Instance) addPeers() error {
	groups := i.c.AWS.Groups
	for _, id := range slices.Sorted(maps.Keys(groups)) {
		g := sandbox.SecurityGroup{ID: id, Rules: []sandbox.Rule{sandbox.AllEgress()}}
		for _, text := range groups[id] {
			r, err := ingress(text)
			if err != nil {
				return err
			}
			g.Rules = append(g.Rules, r)
		}
		i.box.AddSecurityGroup(g)
	}
	if own := i.c.Network.SelfGroup; own != "" {
		i.box.EditInstance(ownID, func(self *sandbox.Instance) { self.Interfaces[0].Groups = []string{own} })
	}
	for n, p := range i.c.AWS.Peers {
		i.box.AddPeer("prod", p.ID, sandbox.Interface{ID: fmt.Sprintf("eni-%d", n+1), Addrs: []string{p.Addr}, Groups: []string{p.Group}})
	}
	return nil
}

// ingress reads a rule such as "tcp 5701-5800 from sg-cache".
func ingress(text string) (r sandbox.Rule, err error) {
	if _, err := fmt.Sscanf(text, "%s %d-%d from %s", &r.Protocol, &r.First, &r.Last, &r.Group); err != nil {
		return r, fmt.Errorf("rule %q: %w", text, err)
	}
	return r, nil
}

// EditRecord changes ECS's record of the instance, in whatever cluster it is.
func (i *Instance) EditRecord(e fieldcase.Edit) {
	for _, cluster := range i.clusters() {
		for _, ci := range i.box.ContainerInstances(cluster) {
			if ci.EC2InstanceID == ownID {
				i.box.EditContainerInstance(
					ci.Arn,
					func(record *sandbox.ContainerInstance) { record.Status, record.StatusReason = e.Status, e.Reason },
				)
			}
		}
	}
}

func (i *Instance) clusters() []string {
	if i.c.AWS.Clusters == nil {
		return []string{"default", "prod"}
	}
	return i.c.AWS.Clusters
}
