package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"go.uber.org/goleak"

	"muster/internal/awsapi"
	"muster/internal/fleet"
	"muster/internal/sandbox"
	"muster/reach"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// self is the ID of the sandboxed instance.
const self = "i-0123456789abcdef0"

// start starts a sandbox, and a client of its API without retries.
func start(t *testing.T, opts sandbox.Options) (*sandbox.Sandbox, *awsapi.Client) {
	t.Helper()
	s, err := sandbox.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, awsapi.FromConfig(config(t, s))
}

func config(t *testing.T, s *sandbox.Sandbox) aws.Config {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	cfg := s.AWSConfig()
	cfg.HTTPClient = &http.Client{Transport: transport}
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	return cfg
}

// three adds two peers to the cluster prod. Peers can reach P1 on all of 47100-47109, but P2 only on 47100-47105.
func three(s *sandbox.Sandbox) {
	all := sandbox.AllEgress()
	s.AddSecurityGroup(sandbox.SecurityGroup{ID: "sg-a", Name: "a", Rules: []sandbox.Rule{all,
		{ID: "sgr-a1", Protocol: "tcp", First: 47100, Last: 47109, CIDR: "10.0.0.0/16"}}})
	s.AddSecurityGroup(sandbox.SecurityGroup{ID: "sg-b", Name: "b", Rules: []sandbox.Rule{all,
		{ID: "sgr-b1", Protocol: "tcp", First: 47100, Last: 47105, PrefixList: "pl-1"},
		{ID: "sgr-b2", Protocol: "tcp", First: 443, Last: 443, Group: "sg-a"}}})
	s.AddPrefixList("pl-1", "10.0.0.0/16")
	s.AddACL(sandbox.ACL{ID: "acl-b", Subnets: []string{"subnet-b"}, Entries: []sandbox.ACLEntry{
		{Number: 100, Protocol: "-1", CIDR: "0.0.0.0/0"}, {Number: 100, Egress: true, Protocol: "-1", CIDR: "0.0.0.0/0"}}})
	s.EditInstance(self, func(i *sandbox.Instance) { i.Interfaces[0].Groups = []string{"sg-a"} })
	s.AddContainerInstance("prod", sandbox.ContainerInstance{EC2InstanceID: self, Status: "ACTIVE"})
	s.AddPeer("prod", "i-p1", sandbox.Interface{ID: "eni-p1", Addrs: []string{"10.0.2.5"}, Groups: []string{"sg-a"}, Subnet: "subnet-a"})
	s.AddPeer("prod", "i-p2", sandbox.Interface{ID: "eni-p2", Addrs: []string{"10.0.3.5"}, Groups: []string{"sg-b"}, Subnet: "subnet-b"})
}

func discover(t *testing.T, api fleet.API, s fleet.Selector) fleet.Fleet {
	t.Helper()
	f, err := fleet.Discover(t.Context(), api, s)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func names(f fleet.Fleet) []string {
	var out []string
	for _, e := range f.Endpoints {
		out = append(out, e.Name)
	}
	return out
}

func need() reach.Need {
	return reach.Need{Protocol: reach.TCP, Ports: reach.Range{First: 47100, Last: 47109}}
}

// verdict returns the verdict between two endpoints by name.
func verdict(t *testing.T, f fleet.Fleet, from, to string) reach.Verdict {
	t.Helper()
	at := func(name string) reach.Endpoint {
		i := slices.Index(names(f), name)
		if i < 0 {
			t.Fatalf("no endpoint %s among %q; notes %q", name, names(f), f.Notes)
		}
		return f.Endpoints[i]
	}
	return reach.NewJudge(f.World).Evaluate(at(from), at(to), need())
}

func TestTheContainerInstancesOfAClusterAreThePeers(t *testing.T) {
	s, api := start(t, sandbox.Options{})
	three(s)
	f := discover(t, api, fleet.Selector{Cluster: "prod", Self: self})
	if want := []string{self, "i-p1", "i-p2"}; !slices.Equal(names(f), want) || f.Self != 0 {
		t.Fatalf("endpoints %q, self %d; want %q, 0", names(f), f.Self, want)
	}
	if len(f.Notes)+len(f.Unread) != 0 {
		t.Errorf("notes %q, unread %v", f.Notes, f.Unread)
	}
	if got := f.Endpoints[0]; got.Region != "eu-central-1" || got.Account != "123456789012" || got.Groups[0] != "sg-a" {
		t.Errorf("endpoint %+v", got)
	}
	if v := verdict(t, f, self, "i-p1"); v.Status != reach.Open {
		t.Errorf("to P1: %s", v.Sentence())
	}
	v := verdict(t, f, self, "i-p2")
	if v.Status != reach.Missing || v.Missing.String() != "47106-47109" || v.Hop != reach.DestinationIngress ||
		!strings.Contains(v.Sentence(), "sgr-b1") {
		t.Errorf("to P2: %s", v.Sentence())
	}
}

func TestWhoThePeersAre(t *testing.T) {
	for name, c := range map[string]struct {
		selector fleet.Selector
		want     []string
		self     int
		note     string
	}{
		"the cluster's container instances":    {fleet.Selector{Cluster: "prod"}, []string{self, "i-p1", "i-p2"}, -1, ""},
		"the members of an Auto Scaling group": {fleet.Selector{Group: "workers", Self: self}, []string{self, "i-p2"}, 0, ""},
		"the awsvpc tasks of a service": {fleet.Selector{Cluster: "prod", Service: "own", Self: "i-p1"},
			[]string{"task t1", "task t2"}, 0, ""},
		"the hosts of a service's tasks": {fleet.Selector{Cluster: "prod", Service: "host", Self: "i-p2"}, []string{"i-p1", "i-p2"}, 1,
			""},
		"the tasks of a family": {fleet.Selector{Cluster: "prod", Family: "fam"}, []string{"i-p2"}, -1, ""},
		"addresses by hand": {fleet.Selector{Addresses: addrs("10.0.2.5", "2001:db8::9")},
			[]string{"10.0.2.5", "2001:db8::9"}, -1, ""},
		"addresses by hand, and oneself": {fleet.Selector{Addresses: addrs("10.0.2.5"), Self: self}, []string{"10.0.2.5", self}, 1,
			""},
		"oneself before it registered": {fleet.Selector{Cluster: "other", Self: self}, []string{self}, 0,
			"is not in cluster other yet"},
		"oneself before it runs a task": {fleet.Selector{Cluster: "prod", Family: "fam", Self: self}, []string{self, "i-p2"}, 0,
			"not in the tasks of fam yet"},
		"a service that runs awsvpc tasks not here": {fleet.Selector{Cluster: "prod", Service: "own", Self: self}, []string{"task t1", "task t2"},
			-1, "0 of these tasks run on " + self},
		"two addresses of one interface": {fleet.Selector{Addresses: addrs("10.0.2.5", "10.0.2.6")}, []string{"10.0.2.5"}, -1,
			"the same network interface"},
	} {
		t.Run(name, func(t *testing.T) {
			s, api := start(t, sandbox.Options{Clusters: []string{"other"}, Group: &sandbox.Group{Name: "workers", Others: []string{"i-p2"}}})
			everybody(s)
			f := discover(t, api, c.selector)
			if !slices.Equal(names(f), c.want) || f.Self != c.self {
				t.Errorf("endpoints %q, self %d; want %q, %d", names(f), f.Self, c.want, c.self)
			}
			if got := strings.Join(f.Notes, "\n"); c.note == "" && got != "" || !strings.Contains(got, c.note) {
				t.Errorf("notes %q, want %q", got, c.note)
			}
			if len(f.Unread) != 0 {
				t.Errorf("unread %v", f.Unread)
			}
		})
	}
}

// everybody is three with tasks of all kinds, IPv6 and a second address.
func everybody(s *sandbox.Sandbox) {
	three(s)
	s.EditInstance("i-p1", func(i *sandbox.Instance) { i.Interfaces[0].Addrs = append(i.Interfaces[0].Addrs, "10.0.2.6") })
	s.AddInterface(sandbox.Interface{ID: "eni-v6", Addrs: []string{"2001:db8::9"}, Groups: []string{"sg-a"}})
	instances := s.ContainerInstances("prod")
	own := func(arn, eni, addr, host string) {
		s.AddTask("prod", sandbox.RunningTask{Arn: "arn:aws:ecs:::task/prod/" + arn, Service: "own", ContainerInstance: host,
			Interface: sandbox.Interface{ID: eni, Addrs: []string{addr}, Groups: []string{"sg-b"}}})
	}
	own("t1", "eni-t1", "10.0.1.101", instances[1].Arn)
	own("t2", "eni-t2", "10.0.1.102", instances[2].Arn)
	for range 2 { // two tasks on the same host are one peer
		s.AddTask("prod", sandbox.RunningTask{Service: "host", ContainerInstance: instances[1].Arn})
		s.AddTask("prod", sandbox.RunningTask{Service: "host", ContainerInstance: instances[2].Arn})
	}
	s.AddTask("prod", sandbox.RunningTask{Family: "fam", ContainerInstance: instances[2].Arn})
}

func addrs(texts ...string) []netip.Addr {
	var out []netip.Addr
	for _, text := range texts {
		out = append(out, netip.MustParseAddr(text))
	}
	return out
}

func TestTheTrunkIsIgnoredAndOtherInterfacesServeForHints(t *testing.T) {
	s, api := start(t, sandbox.Options{})
	three(s)
	s.AddInstance(sandbox.Instance{ID: "i-p3", Interfaces: []sandbox.Interface{
		{ID: "eni-p3", Addrs: []string{"10.0.3.7"}, Groups: []string{"sg-b"}, Subnet: "subnet-b"},
		{ID: "eni-trunk", Addrs: []string{"10.0.3.8"}, Groups: []string{"sg-b"}, Subnet: "subnet-b", Type: "trunk"},
		{ID: "eni-second", Addrs: []string{"10.0.3.9"}, Groups: []string{"sg-a"}, Subnet: "subnet-b"},
	}})
	s.AddContainerInstance("prod", sandbox.ContainerInstance{EC2InstanceID: "i-p3", Status: "ACTIVE"})
	f := discover(t, api, fleet.Selector{Cluster: "prod"})
	e := f.Endpoints[3]
	if e.ID != "eni-p3" || len(e.Others) != 1 || e.Others[0].ID != "eni-second" {
		t.Errorf("endpoint %+v", e)
	}
	v := verdict(t, f, self, "i-p3")
	if !slices.ContainsFunc(v.Hints, func(h reach.Hint) bool { return h.Kind == reach.WrongENI }) {
		t.Errorf("no hint at the other interface: %v", v.Hints)
	}
}

func TestAnAddedRuleOpensWhatWasClosed(t *testing.T) {
	s, api := start(t, sandbox.Options{})
	three(s)
	closed := verdict(t, discover(t, api, fleet.Selector{Cluster: "prod"}), self, "i-p2")
	if len(closed.Fixes) != 1 || closed.Fixes[0].Peer.Group.ID != "sg-a" {
		t.Fatalf("fixes %+v", closed.Fixes)
	}
	authorize(t, config(t, s), closed.Fixes[0])
	if v := verdict(t, discover(t, api, fleet.Selector{Cluster: "prod"}), self, "i-p2"); v.Status != reach.Open {
		t.Errorf("after the fix: %s", v.Sentence())
	}
}

func TestWrongSelectorsAreRefused(t *testing.T) {
	_, api := start(t, sandbox.Options{Clusters: []string{"prod"}})
	for name, c := range map[string]struct {
		selector fleet.Selector
		err      string
	}{
		"nothing":                  {fleet.Selector{Self: self}, "pass a cluster"},
		"two things":               {fleet.Selector{Cluster: "prod", Service: "a", Family: "b"}, "pass one of"},
		"a service of no cluster":  {fleet.Selector{Service: "a"}, "pass a cluster"},
		"an unknown cluster":       {fleet.Selector{Cluster: "nope"}, "no such cluster: nope"},
		"an unknown service":       {fleet.Selector{Cluster: "prod", Service: "nope"}, "no such service in the cluster: nope in prod"},
		"an unknown group":         {fleet.Selector{Group: "nope"}, "no such Auto Scaling group: nope"},
		"a service, other cluster": {fleet.Selector{Cluster: "nope", Service: "a"}, "no such cluster: nope"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := fleet.Discover(t.Context(), api, c.selector)
			if err == nil || !strings.Contains(err.Error(), c.err) || f.Self != -1 {
				t.Errorf("error %v, self %d; want %q", err, f.Self, c.err)
			}
		})
	}
}

func TestACancelledContextIsAnError(t *testing.T) {
	s, api := start(t, sandbox.Options{})
	three(s)
	ctx, cancel := context.WithCancel(t.Context())
	s.Inject(sandbox.Fault{Service: sandbox.EC2, Hang: true})
	go func() {
		for s.CallCount(sandbox.EC2, "") == 0 {
			runtime.Gosched()
		}
		cancel()
	}()
	if _, err := fleet.Discover(ctx, api, fleet.Selector{Cluster: "prod"}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestAThousandPeersTakeAtMostThirtyCalls(t *testing.T) {
	for name, selector := range map[string]fleet.Selector{
		"container instances":      {Cluster: "prod", Self: self},
		"an Auto Scaling group":    {Group: "workers", Self: self},
		"awsvpc tasks":             {Cluster: "prod", Service: "own", Self: self},
		"tasks in host mode":       {Cluster: "prod", Service: "host", Self: self},
		"a family in host mode":    {Cluster: "prod", Family: "host", Self: "i-00000000000000000"},
		"and a load balancer":      {Cluster: "prod", Balancers: refs("10.9.0.1,10.9.1.1")},
		"addresses":                {Addresses: thousandAddresses(), Self: self},
		"container instances, ARN": {Cluster: "arn:aws:ecs:eu-central-1:123456789012:cluster/prod"},
	} {
		t.Run(name, func(t *testing.T) {
			var others []string
			for n := range 1000 {
				others = append(others, fmt.Sprintf("i-%017x", n))
			}
			s, api := start(t, sandbox.Options{Group: &sandbox.Group{Name: "workers", Others: others}})
			thousand(s, others)
			f := discover(t, api, selector)
			got := len(f.Endpoints)
			if got < 1000 || got > 1001 || len(f.Balancers) != len(selector.Balancers) || len(f.Unread) != 0 {
				t.Errorf("%d endpoints, notes %q, unread %v", got, f.Notes, f.Unread)
			}
			sent := s.CallCount("", "")
			if sent > 30 || f.Calls != sent {
				t.Errorf("%d calls sent, %d reported, want at most 30", sent, f.Calls)
			}
			t.Logf("%d endpoints: %d calls", got, sent)
		})
	}
}

// The first hundred tasks of a family belong to one service. Other tasks of the family may or may not run elsewhere.
func TestAFamilyIsFoundWholeWhateverItRunsAs(t *testing.T) {
	for name, c := range map[string]struct {
		other       sandbox.RunningTask
		want, calls int
	}{
		"nothing runs elsewhere":       {sandbox.RunningTask{}, 100, 9},
		"another service of it":        {sandbox.RunningTask{Service: "second", Family: "web"}, 150, 11},
		"run by hand":                  {sandbox.RunningTask{Family: "web"}, 150, 11},
		"run by hand, in an own group": {sandbox.RunningTask{Family: "web", Group: "canary"}, 150, 11},
		"something else":               {sandbox.RunningTask{Service: "log"}, 100, 8},
	} {
		t.Run(name, func(t *testing.T) {
			s, api := start(t, sandbox.Options{})
			three(s)
			for n := range 150 {
				id := fmt.Sprintf("i-%017x", n)
				task := sandbox.RunningTask{Service: "web"}
				if n >= 100 {
					task = c.other
				}
				task.ContainerInstance = s.AddPeer("prod", id, sandbox.Interface{ID: "eni-" + id, Addrs: []string{thousandAddresses()[n].String()},
					Groups: []string{"sg-a"}, Subnet: "subnet-a"})
				if task.Service+task.Family != "" {
					s.AddTask("prod", task)
				}
			}
			f := discover(t, api, fleet.Selector{Cluster: "prod", Family: "web"})
			if len(f.Endpoints) != c.want || len(f.Notes) != 0 || f.Calls != c.calls {
				t.Errorf("%d endpoints in %d calls, want %d in %d; notes %q", len(f.Endpoints), f.Calls, c.want, c.calls, f.Notes)
			}
		})
	}
}

func TestABootReadsAPageOfTheCluster(t *testing.T) {
	var others []string
	for n := range 1000 {
		others = append(others, fmt.Sprintf("i-%017x", n))
	}
	s, api := start(t, sandbox.Options{})
	thousand(s, others)
	f := discover(t, api, fleet.Selector{Cluster: "prod", Self: self, Brief: true})
	if len(f.Endpoints) != 101 || f.Self < 0 || f.Calls > 9 || len(f.Notes) != 1 ||
		!strings.Contains(f.Notes[0], "only the first 100 container instances of cluster prod") {
		t.Errorf("%d endpoints, self %d, %d calls, notes %q", len(f.Endpoints), f.Self, f.Calls, f.Notes)
	}
	if n := s.CallCount(sandbox.ECS, ""); n != 2 {
		t.Errorf("%d calls of ECS, want 2: its bucket is shared by all who boot", n)
	}
}

// If other tasks run next to a family's, its instances cannot be found by group. They are found only task by task, with
// three calls per hundred.
func TestAThousandTasksOfAFamilyBesideOthers(t *testing.T) {
	var others []string
	for n := range 1000 {
		others = append(others, fmt.Sprintf("i-%017x", n))
	}
	s, api := start(t, sandbox.Options{})
	thousand(s, others)
	s.AddTask("prod", sandbox.RunningTask{Service: "log", ContainerInstance: s.AddPeer("prod", "i-log", sandbox.Interface{ID: "eni-log",
		Addrs: []string{"10.3.0.1"}})})

	t.Run("the budget is kept, and the rest is unknown", func(t *testing.T) {
		f := discover(t, api, fleet.Selector{Cluster: "prod", Family: "host", Self: self})
		rest := slices.IndexFunc(f.Endpoints, func(e reach.Endpoint) bool { return e.Name == "further tasks of host" })
		if len(f.Endpoints) != 702 || f.Calls > 30 || rest < 0 || f.Self < 0 || len(f.Notes) != 0 {
			t.Fatalf("%d endpoints in %d calls, the rest at %d, self at %d, notes %q", len(f.Endpoints), f.Calls, rest, f.Self, f.Notes)
		}
		want := []reach.Unread{{Reason: "family host has more than the 700 tasks that 30 API calls find; --all-tasks finds all"}}
		if !slices.Equal(f.Unread, want) || f.Endpoints[rest].Unread != want[0] {
			t.Errorf("unread %v, %v of the rest", f.Unread, f.Endpoints[rest].Unread)
		}
	})
	t.Run("all are found if asked for", func(t *testing.T) {
		f := discover(t, api, fleet.Selector{Cluster: "prod", Family: "host", AllTasks: true})
		if len(f.Endpoints) != 1000 || f.Calls > 38 || len(f.Unread) != 0 {
			t.Errorf("%d endpoints in %d calls, unread %v", len(f.Endpoints), f.Calls, f.Unread)
		}
	})
}

func thousandAddresses() []netip.Addr {
	var out []netip.Addr
	for n := range 1000 {
		out = append(out, netip.AddrFrom4([4]byte{10, 1, byte(n / 250), byte(n%250 + 1)}))
	}
	return out
}

// thousand adds 1,000 peers with 5 groups of 60 rules each. The rules refer to two prefix lists.
func thousand(s *sandbox.Sandbox, ids []string) {
	var groups []string
	for g := range 5 {
		rules := []sandbox.Rule{sandbox.AllEgress(), {Protocol: "tcp", First: 1, Last: 2, PrefixList: fmt.Sprintf("pl-%d", g%2)}}
		rules = append(rules, sandbox.Rule{Protocol: "tcp", First: 999, Last: 999, Group: "sg-0"})
		for r := range 57 {
			rules = append(rules, sandbox.Rule{Protocol: "tcp", First: 1000 + r, Last: 1000 + r, CIDR: "10.1.0.0/16"})
		}
		groups = append(groups, fmt.Sprintf("sg-%d", g))
		s.AddSecurityGroup(sandbox.SecurityGroup{ID: groups[g], Rules: rules})
	}
	s.AddSecurityGroup(sandbox.SecurityGroup{ID: "sg-lb", Rules: []sandbox.Rule{sandbox.AllEgress()}})
	for n := range 2 {
		s.AddInterface(sandbox.Interface{ID: fmt.Sprintf("eni-lb-%d", n), Addrs: []string{fmt.Sprintf("10.9.%d.1", n)}, Groups: []string{"sg-lb"},
			Subnet: fmt.Sprintf("subnet-lb-%d", n)})
		s.AddACL(sandbox.ACL{ID: fmt.Sprintf("acl-lb-%d", n), Subnets: []string{fmt.Sprintf("subnet-lb-%d", n)}})
	}
	s.AddPrefixList("pl-0", "10.1.0.0/16")
	s.AddPrefixList("pl-1", "10.2.0.0/16")
	for n, id := range ids {
		addr := thousandAddresses()[n].String()
		arn := s.AddPeer("prod", id, sandbox.Interface{ID: "eni-" + id, Addrs: []string{addr}, Groups: groups, Subnet: fmt.Sprintf("subnet-%d",
			n%3)})
		s.AddTask("prod", sandbox.RunningTask{Service: "host", ContainerInstance: arn})
		s.AddTask("prod", sandbox.RunningTask{Service: "own", ContainerInstance: arn, Interface: sandbox.Interface{
			ID: "eni-task-" + id, Addrs: []string{strings.Replace(addr, "10.1.", "10.2.", 1)}, Groups: groups}})
	}
}
