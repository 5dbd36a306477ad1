package facts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"muster/internal/file/jsonfile"
	"muster/internal/report/ports"
	"muster/reach"
)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// rich has everything that can be in the facts.
func rich() ports.Question {
	eni := func(id string, last byte, groups ...string) reach.ENI {
		return reach.ENI{ID: id, Addrs: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, last}), netip.MustParseAddr("fd00::1")}, Groups: groups,
			Type: "interface", Subnet: "subnet-" + id, VPC: "vpc-1"}
	}
	any4 := reach.AnyPort()
	return ports.Question{
		Scope: "cluster prod", Region: "eu-west-1", Self: 1, At: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), OwnInterfaces: 2,
		Notes:    []string{"a note with password=hunter2-hunter2"},
		Listened: []reach.Ports{{{First: 47500, Last: 47500}}, {}},
		Peers: []reach.Endpoint{
			{Name: "i-1", ENI: eni("eni-1", 1, "sg-a"), Region: "eu-west-1", Account: "1", Ephemeral: reach.LinuxEphemeral(), Trunked: true,
				Others: []reach.ENI{eni("eni-9", 9, "sg-b"), {ID: "eni-8", Trunk: true}, {ID: "eni-7", Task: true}}},
			{Name: "i-2", ENI: eni("eni-2", 2, "sg-b", "sg-a"), Region: "eu-west-1", Account: "1"},
			{Name: "i-3", ENI: reach.ENI{Unread: reach.Unread{Action: "ec2:DescribeInstances", Reason: "AccessDenied"}}},
		},
		Balancers: []reach.Endpoint{{Name: "load balancer web", ENI: eni("eni-lb", 20, "sg-lb"), Ephemeral: reach.BalancerEphemeral()}},
		Kinds:     map[string]string{"load balancer web": "Application Load Balancer"},
		Targets:   []reach.Need{reach.TargetNeed(reach.Range{First: 8080, Last: 8080}), reach.BalancerNeed(reach.LinuxEphemeral())},
		World: reach.World{
			Groups: []reach.Group{
				{ID: "sg-b", Name: "b", Rules: []reach.Rule{
					{IDs: []string{"sgr-1"}, Protocol: reach.TCP, Ports: reach.Range{First: 47000, Last: 47999},
						Peer: reach.Peer{Group: reach.GroupRef{ID: "sg-a", Owner: "1", VPC: "vpc-1", Peering: "pcx-1", Status: "active"}}},
					{Direction: reach.Egress, Protocol: reach.AllProtocols, Ports: any4, Peer: reach.Peer{CIDR: prefix("0.0.0.0/0")}},
					{Direction: reach.Egress, Protocol: reach.AllProtocols, Ports: any4, Peer: reach.Peer{CIDR: prefix("::/0")}},
					{Protocol: reach.ICMP, Ports: any4, ICMP: reach.ICMPType{Type: 8, Code: -1}, Peer: reach.Peer{PrefixList: "pl-1"}},
					{Protocol: 50, Ports: any4, Peer: reach.Peer{CIDR: prefix("10.0.0.0/8")}},
					{Protocol: reach.TCP, Ports: any4, Err: "port 70000 is outside 0-65535", Text: "tcp 70000"},
				}},
				{ID: "sg-a", Unread: reach.Unread{Reason: "throttled"}},
			},
			PrefixLists: []reach.PrefixList{{ID: "pl-1", Entries: []netip.Prefix{prefix("10.2.0.0/16"), prefix("10.1.0.0/16")}}},
			ACLs: []reach.ACL{{ID: "acl-1", Subnets: []string{"subnet-eni-2", "subnet-eni-1"}, Entries: []reach.ACLEntry{
				{Number: 100, Allow: true, Protocol: reach.AllProtocols, Ports: any4, CIDR: prefix("0.0.0.0/0")},
				{Number: 90, Direction: reach.Egress, Protocol: reach.TCP, Ports: reach.Range{First: 22, Last: 22}, CIDR: prefix("10.0.0.0/8")},
				{Number: 80, Protocol: reach.TCP, Ports: any4, Err: "unreadable"},
			}}},
			Middleboxes: map[reach.SubnetPair]string{{From: "subnet-eni-1", To: "subnet-eni-2"}: "vpce-1"},
			RouteFaults: map[reach.SubnetPair]reach.RouteFault{{From: "b", To: "a"}: {Blackhole: true, Text: "t"},
				{From: "a", To: "b"}: {Text: "u"}},
		},
	}
}

func marshaled(t testing.TB, q ports.Question) []byte {
	t.Helper()
	d, err := encode(q, "ignite2", "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	data, err := jsonfile.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestFactsAreEvaluatedLikeWhatWasRead(t *testing.T) {
	needs, _, err := reach.ParsePorts("ignite2")
	if err != nil {
		t.Fatal(err)
	}
	for _, self := range []int{1, -1} {
		q := rich()
		q.Self = self
		f, err := parse(marshaled(t, q))
		if err != nil {
			t.Fatal(err)
		}
		if f.Edited || f.Selection != "ignite2" || f.Version != "1.2.3" {
			t.Errorf("%+v", f)
		}
		ignore := cmpopts.SortSlices(func(a, b reach.Rule) bool { return a.String() < b.String() })
		same := []cmp.Option{ignore, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
			cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })}
		if d := cmp.Diff(q.Peers, f.Question.Peers, same...); d != "" {
			t.Error(d)
		}
		q.Needs, f.Question.Needs = needs, needs
		one, two := answer(t, q), answer(t, f.Question)
		one["notes"], two["notes"] = nil, nil // redacted
		if d := cmp.Diff(one, two); d != "" {
			t.Errorf("self %d: %s", self, d)
		}
	}
}

func answer(t *testing.T, q ports.Question) map[string]any {
	t.Helper()
	r, err := ports.Judge(q)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEqualFactsHaveEqualBytes(t *testing.T) {
	want := marshaled(t, rich())
	q := rich()
	slices.Reverse(q.World.Groups)
	slices.Reverse(q.World.Groups[1].Rules)
	slices.Reverse(q.World.PrefixLists[0].Entries)
	slices.Reverse(q.World.ACLs[0].Subnets)
	slices.Reverse(q.World.ACLs[0].Entries)
	if got := marshaled(t, q); !bytes.Equal(got, want) {
		t.Error(cmp.Diff(string(want), string(got)))
	}
}

func TestFactsAreRedactedAndReadableByTheirOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "facts.json")
	if err := Write(path, rich(), "ignite2", ""); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	data, err := os.ReadFile(path)
	if err != nil || bytes.Contains(data, []byte("hunter2")) {
		t.Errorf("a secret is in the file, or %v", err)
	}
	if f, err := Read(path); err != nil || f.Path != path {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestTheSchemaDescribesTheFile(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("../../../../docs/schema/facts.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, q := range map[string]ports.Question{"rich": rich(), "empty": {Self: -1, Scope: "x"}} {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(marshaled(t, q)))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBadFilesAreRefusedWithThePlaceAndTheReason(t *testing.T) {
	good := string(marshaled(t, rich()))
	swap := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not in the file", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	for name, c := range map[string]struct{ text, want string }{
		"empty":            {"", "the file is truncated: it ends after 0 bytes"},
		"cut":              {good[:len(good)/2], "the file is truncated: it ends after"},
		"no JSON":          {"peers: 3\n", "line 1: invalid character"},
		"other JSON":       {`{"schema":1,"checks":[]}`, "not written by muster ports --save"},
		"newer":            {swap(`"schema": 1`, `"schema": 2`), "schema 2, and this muster reads schema 1"},
		"no version":       {swap(`"schema": 1,`, ``), "no schema version"},
		"an unknown field": {swap(`"scope"`, `"scoop"`), `line 7: unknown field "scoop"`},
		"another type":     {swap(`"self": 1`, `"self": "i-1"`), "self cannot be a string"},
		"something after":  {good + "{}", "unexpected data after the document"},
		"no such peer":     {swap(`"self": 1`, `"self": 7`), "self: there is no peer 7"},
		"an address":       {swap(`"10.0.0.1"`, `"10.0.0.300"`), "peers[0].addresses: "},
		"a protocol":       {swap(`"protocol": "tcp"`, `"protocol": "tpc"`), `.protocol: unknown protocol "tpc"`},
		"a direction":      {swap(`"direction": "egress"`, `"direction": "out"`), `"out" is neither ingress nor egress`},
		"a port":           {swap(`"ports": "47000-47999"`, `"ports": "47000-70000"`), "port 70000 is outside 0-65535"},
		"two peers": {swap(`"prefixList": "pl-1"`, `"prefixList": "pl-1", "cidr": "10.0.0.0/8"`),
			"exactly one of cidr, group and prefixList"},
		"an unknown profile": {swap(`"ports": "ignite2"`, `"ports": "ignit2"`), "did you mean ignite2"},
		"no name":            {swap(`"name": "i-1"`, `"name": ""`), "peers[0]: the name is empty"},
	} {
		if _, err := parse([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if f, err := parse([]byte(swap(`"scope": "cluster prod"`, `"scope": "cluster test"`))); err != nil || !f.Edited {
		t.Errorf("an edit is not seen: %v", err)
	}
}

// 200 MB are refused without reading them all, and many peers without evaluating them.
func TestFilesAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "big.json")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 200<<20); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil || !strings.Contains(err.Error(), "larger than 64 MB") {
		t.Errorf("200 MB: %v", err)
	}
	many := strings.Repeat(`{"name":"i"},`, maxPeers+1)
	text := fmt.Sprintf(`{"schema":1,"kind":%q,"ports":"ignite2","peers":[%s]}`, kind, strings.TrimSuffix(many, ","))
	if _, err := parse([]byte(text)); err == nil || !strings.Contains(err.Error(), "20001 peers: at most 20000") {
		t.Errorf("many peers: %v", err)
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none.json")); err == nil || !os.IsNotExist(unwrapAll(err)) {
		t.Errorf("no file: %v", err)
	}
	if _, err := Read(t.TempDir()); err == nil {
		t.Error("a directory is read")
	}
}

func unwrapAll(err error) error {
	for {
		u, ok := err.(interface{ Unwrap() error })
		if !ok || u.Unwrap() == nil {
			return err
		}
		if os.IsNotExist(err) {
			return err
		}
		err = u.Unwrap()
	}
}

// A file is refused, or it can be evaluated, and what is written of it is the same again.
func FuzzParse(f *testing.F) {
	f.Add(marshaled(f, rich()))
	f.Add([]byte(`{"schema":1,"kind":"muster ports facts","ports":"tcp/1","peers":[{"name":"a"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		read, err := parse(data)
		if err != nil {
			return
		}
		q := read.Question
		if len(q.Peers) > 20 {
			return
		}
		needs, _, err := reach.ParsePorts(read.Selection)
		if err != nil {
			t.Fatalf("%q was accepted: %v", read.Selection, err)
		}
		q.Needs = needs
		if _, err := ports.Judge(q); err != nil {
			t.Fatal(err)
		}
		d, err := encode(q, read.Selection, read.Version)
		if err != nil {
			return // a time that JSON cannot hold
		}
		text, _ := jsonfile.Marshal(d)
		again, err := parse(text)
		if err != nil || again.Edited {
			t.Fatalf("written again: %v, edited %t\n%s", err, again != nil && again.Edited, text)
		}
	})
}
