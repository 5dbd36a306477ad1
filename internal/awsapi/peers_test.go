package awsapi_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"muster/internal/awsapi"
	"muster/internal/sandbox"
	"muster/reach"
)

// around starts a sandbox and a client that makes only one attempt per call.
func around(t *testing.T, opts sandbox.Options) (*sandbox.Sandbox, *awsapi.Client) {
	t.Helper()
	s, err := sandbox.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	cfg := s.AWSConfig()
	cfg.HTTPClient = &http.Client{Transport: transport}
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	return s, awsapi.FromConfig(cfg)
}

// calls returns the calls of an action.
func calls(s *sandbox.Sandbox, action string) []sandbox.Call {
	return slices.DeleteFunc(s.Calls(), func(c sandbox.Call) bool { return c.Action != action })
}

func manyInstances(s *sandbox.Sandbox, n int) []string {
	var ids []string
	for i := range n {
		id := fmt.Sprintf("i-%017x", i)
		ids = append(ids, id)
		s.AddInstance(sandbox.Instance{ID: id, Interfaces: []sandbox.Interface{{ID: "eni-" + id, Addrs: []string{
			netip.AddrFrom4([4]byte{10, 9, byte(i >> 8), byte(i)}).String(), fmt.Sprintf("2001:db8::%x", i)}, Groups: []string{"sg-a", "sg-b"}}}})
	}
	return ids
}

func TestInstancesAreDescribedInBatches(t *testing.T) {
	s, c := around(t, sandbox.Options{})
	ids := manyInstances(s, 1001)
	got, err := c.Instances(t.Context(), ids)
	if err != nil || len(got) != 1001 {
		t.Fatalf("%d instances, error %v", len(got), err)
	}
	if asked := calls(s, "DescribeInstances"); len(asked) != 2 || asked[0].Params["MaxResults"] != "" {
		t.Errorf("%d calls, MaxResults %q; want 2, none", len(asked), asked[0].Params["MaxResults"])
	}
	i := got[1]
	if i.ID != ids[1] || i.State != "running" || i.Addr.String() != "10.9.0.1" {
		t.Errorf("instance %+v", i)
	}
	n := i.Interfaces[0]
	if n.ID != "eni-"+i.ID || n.Instance != i.ID || n.Account != "123456789012" || n.Trunk || n.Subnet == "" || n.VPC == "" ||
		fmt.Sprint(n.Addrs, n.Groups) != "[10.9.0.1 2001:db8::1] [sg-a sg-b]" {
		t.Errorf("interface %+v", n)
	}
}

func TestNothingIsAskedForNoIDs(t *testing.T) {
	s, c := around(t, sandbox.Options{})
	for _, f := range []func() (int, error){
		func() (int, error) { got, err := c.Instances(t.Context(), nil); return len(got), err },
		func() (int, error) { got, err := c.Interfaces(t.Context(), nil); return len(got), err },
		func() (int, error) { got, err := c.InterfacesAt(t.Context(), nil); return len(got), err },
		func() (int, error) { got, err := c.SecurityGroups(t.Context(), nil); return len(got), err },
		func() (int, error) { got, err := c.SecurityGroupRules(t.Context(), nil); return len(got), err },
		func() (int, error) { got, err := c.NetworkACLs(t.Context(), nil); return len(got), err },
		func() (int, error) { got, err := c.ContainerInstances(t.Context(), "x", nil); return len(got), err },
	} {
		if n, err := f(); n != 0 || err != nil || s.CallCount("", "") != 0 {
			t.Errorf("for nothing: %d results, %v, %d calls", n, err, s.CallCount("", ""))
		}
	}
}

func TestMissingResourcesAreLeftOut(t *testing.T) {
	s, c := around(t, sandbox.Options{})
	ids := manyInstances(s, 2)
	instances, err := c.Instances(t.Context(), []string{"i-gone", ids[0], "i-gone-too", ids[1]})
	if err != nil || len(instances) != 2 {
		t.Errorf("%d instances, %v", len(instances), err)
	}
	if instances, err = c.Instances(t.Context(), []string{"i-gone"}); err != nil || len(instances) != 0 {
		t.Errorf("%d instances, %v", len(instances), err)
	}
	interfaces, err := c.Interfaces(t.Context(), []string{"eni-" + ids[0], "eni-gone"})
	if err != nil || len(interfaces) != 1 || interfaces[0].Instance != ids[0] {
		t.Errorf("interfaces %+v, %v", interfaces, err)
	}
	groups, err := c.SecurityGroups(t.Context(), []string{"sg-gone"})
	if err != nil || len(groups) != 0 {
		t.Errorf("groups %+v, %v", groups, err)
	}
	s.ClearFaults()
	// If the message does not list the ids, the client must neither retry forever nor with an empty list.
	s.Inject(sandbox.Fault{Service: sandbox.EC2, Action: "DescribeInstances", Status: 400, Code: "InvalidInstanceID.NotFound", Message: "no"})
	s.ResetCalls()
	if _, err = c.Instances(t.Context(), ids); awsapi.KindOf(err) != awsapi.Failed || len(calls(s, "DescribeInstances")) != 1 {
		t.Errorf("error %v after %d calls", err, len(calls(s, "DescribeInstances")))
	}
}

func TestInterfacesAreFoundByAddress(t *testing.T) {
	s, c := around(t, sandbox.Options{})
	manyInstances(s, 250)
	var addrs []netip.Addr
	for i := range 250 {
		addrs = append(addrs, netip.MustParseAddr(fmt.Sprintf("::ffff:10.9.0.%d", i)))
	}
	addrs = append(addrs, netip.MustParseAddr("2001:db8::7"), netip.MustParseAddr("192.0.2.1"))
	got, err := c.InterfacesAt(t.Context(), addrs)
	if err != nil || len(got) != 251 {
		t.Errorf("%d interfaces, %v; want 250 by IPv4 and one by IPv6", len(got), err)
	}
	if n := len(calls(s, "DescribeNetworkInterfaces")); n != 3 {
		t.Errorf("%d calls, want two for IPv4 and one for IPv6", n)
	}
}

func TestBothRuleFormatsGiveTheSameGroups(t *testing.T) {
	s, c := around(t, sandbox.Options{})
	s.AddSecurityGroup(sandbox.SecurityGroup{ID: "sg-a", Name: "a", Rules: []sandbox.Rule{
		sandbox.AllEgress(),
		{ID: "sgr-1", Protocol: "tcp", First: 47100, Last: 47105, Group: "sg-b"},
		{ID: "sgr-2", Protocol: "17", First: 8301, Last: 8301, CIDR: "10.0.1.200/24"},
		{ID: "sgr-3", Protocol: "tcp", First: 1, Last: 2, CIDR6: "2001:db8::/32"},
		{ID: "sgr-4", Protocol: "tcp", First: 3, Last: 4, PrefixList: "pl-1"},
		{ID: "sgr-5", Protocol: "tcp", First: 5, Last: 6, Group: "sg-far", GroupVPC: "vpc-far", PeeringStatus: "deleted"},
		{ID: "sgr-6", Protocol: "-1", CIDR: "10.0.0.0/8"},
	}})
	groups, err := c.SecurityGroups(t.Context(), []string{"sg-a"})
	if err != nil {
		t.Fatal(err)
	}
	rules, err := c.SecurityGroupRules(t.Context(), []string{"sg-a"})
	if err != nil {
		t.Fatal(err)
	}
	said := func(g reach.Group, ids bool) []string {
		var out []string
		for _, r := range g.Rules {
			if ids == (len(r.IDs) == 0) || r.Err != "" {
				t.Errorf("rule %s has ids %q, error %q", r, r.IDs, r.Err)
			}
			out = append(out, fmt.Sprint(r.String(), r.Peer.Group))
		}
		slices.Sort(out)
		return out
	}
	if a, b := said(groups[0], false), said(rules[0], true); !slices.Equal(a, b) || len(a) != 7 || groups[0].Name != "a" {
		t.Errorf("%q\n%q", a, b)
	}
}

func TestPrefixListsArePaged(t *testing.T) {
	s, c := around(t, sandbox.Options{})
	var cidrs []string
	for i := range 250 {
		cidrs = append(cidrs, fmt.Sprintf("10.%d.0.0/16", i))
	}
	s.AddPrefixList("pl-1", cidrs...)
	list, err := c.PrefixList(t.Context(), "pl-1")
	if err != nil || len(list.Entries) != 250 || list.Unread != (reach.Unread{}) {
		t.Errorf("%d entries, unread %v, %v", len(list.Entries), list.Unread, err)
	}
	if n := len(calls(s, "GetManagedPrefixListEntries")); n != 3 {
		t.Errorf("%d calls, want 3", n)
	}
	s.Inject(sandbox.Fault{Service: sandbox.EC2, Action: "GetManagedPrefixListEntries", Skip: 1, Kind: sandbox.KindAccessDenied})
	list, err = c.PrefixList(t.Context(), "pl-1")
	if awsapi.KindOf(err) != awsapi.Denied || len(list.Entries) != 100 {
		t.Errorf("%d entries beside %v, want the page before it", len(list.Entries), err)
	}
}

func TestEndlessListIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		pages int // number of one-item pages of the cluster
		calls int
		err   string
	}{
		"ends":            {99, 99, ""},
		"ends just":       {100, 100, ""},
		"goes on and on":  {101, 100, "there are more than 100 pages"},
		"comes back soon": {0, 2, "is the same as before"},
	} {
		t.Run(name, func(t *testing.T) {
			s, api := around(t, sandbox.Options{Clusters: []string{"prod"}})
			for range c.pages * 100 {
				s.AddContainerInstance("prod", sandbox.ContainerInstance{Arn: "a", Status: "ACTIVE"})
			}
			if c.pages == 0 {
				s.Inject(sandbox.Fault{Service: sandbox.ECS, Body: `{"containerInstanceArns": ["a"], "nextToken": "0"}`})
			}
			var err error
			for _, err = range api.ContainerInstanceARNs(t.Context(), "prod", "") {
			}
			var e *awsapi.Error
			if (err == nil) != (c.err == "") || err != nil && (!errors.As(err, &e) || e.Action != "ecs:ListContainerInstances" ||
				!strings.Contains(err.Error(), c.err)) {
				t.Errorf("error %v, want %q", err, c.err)
			}
			if n := len(calls(s, "ListContainerInstances")); n != c.calls {
				t.Errorf("%d calls, want %d", n, c.calls)
			}
		})
	}
}

func TestTasksCanStopAfterAPage(t *testing.T) {
	s, c := around(t, sandbox.Options{})
	for range 250 {
		s.AddTask("prod", sandbox.RunningTask{Service: "web", ContainerInstance: "arn:ci"})
	}
	s.AddTask("prod", sandbox.RunningTask{Service: "own",
		Interface: sandbox.Interface{ID: "eni-1", Addrs: []string{"2001:db8::1", "10.0.0.9"}}})
	seen := 0
	for page, err := range c.Tasks(t.Context(), "prod", "web", "") {
		if err != nil || len(page) != 100 || page[0].ContainerInstance != "arn:ci" || page[0].Group != "service:web" || page[0].Interface != "" {
			t.Fatalf("%d tasks, %v", len(page), err)
		}
		seen += len(page)
		break
	}
	if n := s.CallCount("", ""); seen != 100 || n != 2 {
		t.Errorf("%d tasks in %d calls, want 100 in 2", seen, n)
	}
	for page, err := range c.Tasks(t.Context(), "prod", "", "own") {
		if err != nil || len(page) != 1 || page[0].Interface != "eni-1" || page[0].Addr.String() != "10.0.0.9" {
			t.Errorf("%+v, %v", page, err)
		}
	}
}

func TestADeniedPageOfTasksIsOneError(t *testing.T) {
	s, c := around(t, sandbox.Options{})
	s.AddTask("prod", sandbox.RunningTask{Service: "web", ContainerInstance: "arn:ci"})
	s.Inject(sandbox.AccessDenied(sandbox.ECS, "DescribeTasks"))
	errs := 0
	for _, err := range c.Tasks(t.Context(), "prod", "web", "") {
		errs++
		if awsapi.KindOf(err) != awsapi.Denied || !strings.Contains(err.Error(), "ecs:DescribeTasks") {
			t.Errorf("error %v", err)
		}
	}
	if errs != 1 {
		t.Errorf("%d pages after an error", errs)
	}
}

func TestInvalidNetworkDataIsAnErrorOrAnEmptyField(t *testing.T) {
	s, c := around(t, sandbox.Options{})
	s.Inject(sandbox.Fault{Service: sandbox.EC2, Action: "DescribeInstances",
		Body: `<DescribeInstancesResponse><reservationSet><item><instancesSet>` +
			`<item><privateIpAddress>10.0.0.999</privateIpAddress><networkInterfaceSet><item><privateIpAddress>x</` +
			`privateIpAddress><groupSet><item/></groupSet></item></networkInterfaceSet></item>` +
			`<item/></instancesSet></item></reservationSet></DescribeInstancesResponse>`})
	got, err := c.Instances(t.Context(), []string{"i-0123456789abcdef0"})
	if err != nil || len(got) != 2 || got[0].Addr.IsValid() || len(got[0].Interfaces[0].Addrs)+len(got[0].Interfaces[0].Groups) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	s.Inject(sandbox.Fault{Service: sandbox.EC2, Action: "DescribeSecurityGroups", Body: `<DescribeSecurityGroupsResponse/>`})
	groups, err := c.SecurityGroups(t.Context(), []string{"sg-1"})
	if err != nil || len(groups) != 0 {
		t.Errorf("%+v, %v", groups, err)
	}
	s.Inject(sandbox.Fault{Service: sandbox.EC2, Action: "DescribeNetworkAcls", Cut: true})
	if _, err = c.NetworkACLs(t.Context(), []string{"subnet-1"}); err == nil || !strings.Contains(err.Error(), "ec2:DescribeNetworkAcls") {
		t.Errorf("error %v", err)
	}
}
