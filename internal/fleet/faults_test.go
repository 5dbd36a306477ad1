package fleet_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"muster/internal/awsapi"
	"muster/internal/fleet"
	"muster/internal/sandbox"
	"muster/reach"
)

// actions returns every action that Discover can call, with a selector that needs it.
func actions() map[string]fleet.Selector {
	cluster := fleet.Selector{Cluster: "prod", Self: self}
	tasks := fleet.Selector{Cluster: "prod", Service: "own", Self: self}
	return map[string]fleet.Selector{
		"ecs:ListContainerInstances":            cluster,
		"ecs:DescribeContainerInstances":        cluster,
		"ecs:ListTasks":                         tasks,
		"ecs:DescribeTasks":                     tasks,
		"autoscaling:DescribeAutoScalingGroups": {Group: "workers", Self: self},
		"ec2:DescribeInstances":                 cluster,
		"ec2:DescribeNetworkInterfaces":         tasks,
		"ec2:DescribeSecurityGroups":            cluster,
		"ec2:DescribeSecurityGroupRules":        cluster,
		"ec2:DescribeNetworkAcls":               cluster,
		"ec2:GetManagedPrefixListEntries":       cluster,
	}
}

// judgeable returns a world in which each action is needed for a verdict: from P1 to P2 across subnets, through a
// prefix list.
func judgeable(t *testing.T) (*sandbox.Sandbox, *awsapi.Client) {
	s, api := start(t, sandbox.Options{Group: &sandbox.Group{Name: "workers", Others: []string{"i-p1", "i-p2"}}})
	everybody(s)
	return s, api
}

func TestEachRefusedActionIsNamedAndNeverASilentDeny(t *testing.T) {
	for kind, fault := range map[awsapi.Kind]sandbox.Kind{awsapi.Denied: sandbox.KindAccessDenied, awsapi.Throttled: sandbox.KindThrottled} {
		for action, selector := range actions() {
			t.Run(string(kind)+" "+action, func(t *testing.T) {
				s, api := judgeable(t)
				service, name, _ := strings.Cut(action, ":")
				s.Inject(sandbox.Fault{Service: service, Action: name, Kind: fault})
				f, err := fleet.Discover(t.Context(), api, selector)
				refused(t, f, err, action, kind)
			})
		}
	}
}

// refused checks the effect of a denied action. Unknown peers are an error, and unknown rules make the verdict UNKNOWN.
// Of the two calls that return groups, one is enough.
func refused(t *testing.T, f fleet.Fleet, err error, action string, kind awsapi.Kind) {
	t.Helper()
	if !strings.HasPrefix(action, "ec2:") {
		var e *awsapi.Error
		if !errors.As(err, &e) || e.Action != action || e.Kind != kind {
			t.Errorf("error %v, want one of %s, %s", err, action, kind)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(action, "ec2:DescribeSecurityGroup") {
		if len(f.Unread) != 0 || len(f.Notes) != 1 || !strings.Contains(f.Notes[0], action) {
			t.Errorf("unread %v, notes %q", f.Unread, f.Notes)
		}
		v := verdict(t, f, "i-p1", "i-p2")
		if v.Missing.String() != "47106-47109" {
			t.Errorf("%s", v.Sentence())
		}
		return
	}
	if len(f.Unread) != 1 || f.Unread[0].Action != action {
		t.Errorf("unread %v, want %s alone", f.Unread, action)
	}
	assertUnknown(t, f, action)
}

// assertUnknown checks that a pair is UNKNOWN because of the action, and every other pair OPEN.
func assertUnknown(t *testing.T, f fleet.Fleet, action string) {
	t.Helper()
	m, err := reach.NewJudge(f.World).Matrix(f.Endpoints, f.Endpoints, []reach.Need{allOpen()})
	if err != nil {
		t.Fatal(err)
	}
	unknown := 0
	for cell := range m.All() {
		switch v := m.Verdict(cell.From, cell.To, cell.Need); cell.Status {
		case reach.Unknown:
			unknown++
			if !slices.ContainsFunc(v.Unread, func(u reach.Unread) bool { return u.Action == action }) {
				t.Errorf("an UNKNOWN that does not name %s: %v", action, v.Unread)
			}
		case reach.Open:
		default:
			t.Errorf("%s although nothing is closed but what %s hides: %s", cell.Status, action, v.Sentence())
		}
	}
	if unknown == 0 {
		t.Errorf("%s was refused and nothing is UNKNOWN", action)
	}
}

// allOpen is open between all peers if everything can be read.
func allOpen() reach.Need {
	return reach.Need{Protocol: reach.TCP, Ports: reach.Range{First: 47100, Last: 47105}}
}

func TestWithoutGroupsTheRulesAreEnough(t *testing.T) {
	s, api := judgeable(t)
	s.Inject(sandbox.AccessDenied(sandbox.EC2, "DescribeSecurityGroups"))
	s.AddPeer("prod", "i-p3", sandbox.Interface{ID: "eni-p3", Addrs: []string{"10.0.2.7"}, Groups: []string{"sg-empty"}})
	s.AddSecurityGroup(sandbox.SecurityGroup{ID: "sg-empty"})
	f := discover(t, api, fleet.Selector{Cluster: "prod"})
	if v := verdict(t, f, "i-p1", self); v.Status != reach.Open {
		t.Errorf("by the rules: %s", v.Sentence())
	}
	if len(f.Unread) != 1 || f.Unread[0].Action != "ec2:DescribeSecurityGroups" {
		t.Errorf("unread %v", f.Unread)
	}
	if v := verdict(t, f, "i-p1", "i-p3"); v.Status != reach.Unknown {
		t.Errorf("a group without rules looks as one that is not read: %s", v.Sentence())
	}
}

func TestWithoutGroupsAndRulesAllIsUnknown(t *testing.T) {
	s, api := judgeable(t)
	s.Inject(sandbox.AccessDenied(sandbox.EC2, "DescribeSecurityGroups"))
	s.Inject(sandbox.AccessDenied(sandbox.EC2, "DescribeSecurityGroupRules"))
	f := discover(t, api, fleet.Selector{Cluster: "prod"})
	if v := verdict(t, f, "i-p1", self); v.Status != reach.Unknown || v.Unread[0].Action != "ec2:DescribeSecurityGroups" {
		t.Errorf("%s", v.Sentence())
	}
}

func TestAPageTokenThatNeverEndsIsAnError(t *testing.T) {
	s, api := judgeable(t)
	s.Inject(sandbox.Fault{Service: sandbox.ECS, Action: "ListContainerInstances", Body: `{"containerInstanceArns":["a"],"nextToken":"0"}`})
	_, err := fleet.Discover(t.Context(), api, fleet.Selector{Cluster: "prod"})
	if err == nil || !strings.Contains(err.Error(), "ecs:ListContainerInstances: the list does not end") {
		t.Errorf("error %v", err)
	}
	if n := s.CallCount("", ""); n > 2 {
		t.Errorf("%d calls for a token that leads back to itself", n)
	}
}

func TestAPrefixListReadInPartIsBelievedOnlyInItsYes(t *testing.T) {
	s, api := judgeable(t)
	s.Inject(sandbox.Fault{Service: sandbox.EC2, Action: "GetManagedPrefixListEntries",
		Body: `<GetManagedPrefixListEntriesResponse><entrySet>` +
			`<item><cidr>10.0.2.0/24</cidr></item></entrySet><nextToken>0</nextToken></GetManagedPrefixListEntriesResponse>`})
	f := discover(t, api, fleet.Selector{Cluster: "prod", Self: self})
	j := reach.NewJudge(f.World)
	for i, want := range []reach.Status{reach.Unknown, reach.Open} { // 10.0.1.17 and 10.0.2.5 to P2
		if v := j.Evaluate(f.Endpoints[i], f.Endpoints[2], allOpen()); v.Status != want {
			t.Errorf("from %s: %s", f.Endpoints[i].Name, v.Sentence())
		}
	}
}

func TestAWorldOfOddities(t *testing.T) {
	s, api := start(t, sandbox.Options{})
	three(s)
	eni := func(id, addr, group string) []sandbox.Interface {
		i := sandbox.Interface{ID: id, Groups: []string{group}}
		if addr != "" {
			i.Addrs = []string{addr}
		}
		return []sandbox.Interface{i}
	}
	peer := func(i sandbox.Instance) {
		s.AddInstance(i)
		s.AddContainerInstance("prod", sandbox.ContainerInstance{EC2InstanceID: i.ID, Status: "ACTIVE"})
	}
	peer(sandbox.Instance{ID: "i-q1", State: "terminated"})
	peer(sandbox.Instance{ID: "i-q2", State: "pending", Interfaces: eni("eni-q2", "10.0.1.32", "sg-a")})
	peer(sandbox.Instance{ID: "i-q3", Interfaces: eni("eni-q3", "", "sg-a")})
	peer(sandbox.Instance{ID: "i-q4", Interfaces: eni("eni-q4", "10.0.1.34", "sg-of-nobody")})
	peer(sandbox.Instance{ID: "i-q5"})
	for _, id := range []string{"i-gone", "i-gone-too", "mi-anywhere", "", self} { // self is registered twice
		s.AddContainerInstance("prod", sandbox.ContainerInstance{EC2InstanceID: id, Status: "ACTIVE"})
	}
	s.AddSecurityGroup(sandbox.SecurityGroup{ID: "sg-a", Rules: []sandbox.Rule{ // the same group appears twice
		{ID: "sgr-a1", Protocol: "tcp", First: 47100, Last: 47109, CIDR: "10.0.0.0/16"},
		{ID: "sgr-a1", Protocol: "tcp", First: 1, Last: 2, CIDR: "10.0.0.0/16"},
		{ID: "sgr-null", Protocol: "tcp", CIDR: "10.0.0.0/16"},
		{ID: "sgr-bad", Protocol: "tcp", First: 90, Last: 80, CIDR: "10.0.0.0/33"},
		{ID: "sgr-list", Protocol: "tcp", First: 80, Last: 80, PrefixList: "pl-of-nobody"},
	}})
	f := discover(t, api, fleet.Selector{Cluster: "prod", Self: self})
	if want := []string{self, "i-p1", "i-p2", "i-q2", "i-q3", "i-q4", "i-q5"}; !slices.Equal(names(f), want) {
		t.Errorf("endpoints %q, want %q", names(f), want)
	}
	notes := strings.Join(f.Notes, "\n")
	for _, part := range []string{"i-q1 is left out: it is terminated", "i-q2 is still starting",
		"i-q3 has no network interface with an address",
		"i-q5 has no network interface", "sg-of-nobody is not among the groups", "i-gone is left out: EC2 has no such instance",
		"i-gone-too is left out",
		`"mi-anywhere" is left out`, `"" is left out`, "sgr-null", "sgr-bad", "sgr-a1 was returned twice"} {
		if !strings.Contains(notes, part) {
			t.Errorf("no note of %q in:\n%s", part, notes)
		}
	}
	for _, name := range []string{"i-q3", "i-q4", "i-q5"} {
		if v := verdict(t, f, self, name); v.Status != reach.Unknown {
			t.Errorf("%s: %s", name, v.Sentence())
		}
	}
	if _, err := reach.NewJudge(f.World).Matrix(f.Endpoints, f.Endpoints, []reach.Need{need()}); err != nil {
		t.Error(err)
	}
}

func TestOverlappingVPCs(t *testing.T) {
	s, api := judgeable(t)
	s.AddInterface(sandbox.Interface{ID: "eni-elsewhere", Addrs: []string{"10.0.2.5"}, Groups: []string{"sg-b"}, VPC: "vpc-elsewhere"})
	at := fleet.Selector{Addresses: addrs("10.0.2.5", "10.9.9.9")}
	f := discover(t, api, at)
	if got := strings.Join(f.Notes, "\n"); !strings.Contains(got, "several VPCs own 10.0.2.5") ||
		!strings.Contains(got, "no network interface of this region owns 10.9.9.9") {
		t.Errorf("notes %q", got)
	}
	if v := verdict(t, f, "10.0.2.5", "10.9.9.9"); v.Status != reach.Unknown {
		t.Errorf("%s", v.Sentence())
	}
	at.Self = self
	if f = discover(t, api, at); f.Endpoints[0].ID != "eni-p1" {
		t.Errorf("beside %s the address is of %s, want eni-p1", self, f.Endpoints[0].ID)
	}
}

// Finding F3: a public address was UNKNOWN only with a hint at IAM.
func TestAPublicAddressIsNamedAsOne(t *testing.T) {
	_, api := judgeable(t)
	f := discover(t, api, fleet.Selector{Addresses: addrs("10.0.2.5", "203.0.113.7")})
	const want = "203.0.113.7 is a public address, over which a reference to a group does not hold: pass the private address"
	if got := strings.Join(f.Notes, "\n"); !strings.Contains(got, want) {
		t.Errorf("notes %q", got)
	}
	if v := verdict(t, f, "10.0.2.5", "203.0.113.7"); v.Status != reach.Unknown || !strings.Contains(v.Sentence(), want) {
		t.Errorf("%s", v.Sentence())
	}
}

func TestAnUnreachableAPINamesTheAction(t *testing.T) {
	s, api := judgeable(t)
	s.Close()
	_, err := fleet.Discover(t.Context(), api, fleet.Selector{Cluster: "prod"})
	var e *awsapi.Error
	if !errors.As(err, &e) || e.Action != "ecs:ListContainerInstances" {
		t.Errorf("error %v", err)
	}
}
