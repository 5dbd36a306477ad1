package ports

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"muster/internal/term"
	"muster/reach"
)

// between returns the report on two instances of one security group that opens these ports to itself. The first
// instance is Self.
func between(t *testing.T, requirement string, listened reach.Ports, open ...reach.Range) *Report {
	t.Helper()
	needs, _, err := reach.ParsePorts(requirement)
	if err != nil {
		t.Fatal(err)
	}
	rules := []reach.Rule{{Direction: reach.Egress, Protocol: reach.AllProtocols, Ports: reach.AnyPort(),
		Peer: reach.Peer{CIDR: netip.MustParsePrefix("0.0.0.0/0")}}}
	for _, ports := range open {
		rules = append(rules, reach.Rule{Direction: reach.Ingress, Protocol: reach.TCP, Ports: ports,
			Peer: reach.Peer{CIDR: netip.MustParsePrefix("10.0.0.0/16")}})
	}
	endpoint := func(name, addr string) reach.Endpoint {
		return reach.Endpoint{Name: name, ENI: reach.ENI{ID: "eni-" + name, Addrs: []netip.Addr{netip.MustParseAddr(addr)},
			Groups: []string{"sg-1"}, Subnet: "subnet-1", VPC: "vpc-1"}}
	}
	q := Question{Scope: "cluster prod", Region: "eu-west-1", Peers: []reach.Endpoint{endpoint("a", "10.0.0.1"), endpoint("b", "10.0.0.2")},
		World: reach.World{Groups: []reach.Group{{ID: "sg-1", Rules: rules}}, ACLs: []reach.ACL{{ID: "acl-1", Subnets: []string{"subnet-1"}}}},
		Needs: needs}
	for range needs {
		q.Listened = append(q.Listened, listened)
	}
	r, err := Judge(q)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A server that binds the first free port of its range needs the other ports only for further servers on the same host
// (hazelcast issue 21709; sources at firstFree).
func TestTheFirstPortIsEnoughForOneServer(t *testing.T) {
	one := func(port uint16) reach.Range { return reach.Range{First: port, Last: port} }
	for name, c := range map[string]struct {
		requirement string
		listened    reach.Ports
		open        []reach.Range
		counts      string
		cell, hint  string
	}{
		"hazelcast": {"hazelcast", nil, []reach.Range{one(5701)}, "2 open", "OPEN 5701",
			"tcp 5701-5800 (hazelcast member): first port 5701 is open; 5702-5800 are closed, and needed only for further servers on one host"},
		"jgroups": {"jgroups", nil, []reach.Range{one(7800), one(7900)}, "4 open", "OPEN 7900",
			"7901-7912 are closed"},
		"elasticsearch": {"elasticsearch+http", nil, []reach.Range{one(9200), one(9300)}, "3 open", "OPEN 9200,9300",
			"9301-9400 are closed"},
		"one discovery port": {"ignite2", nil, []reach.Range{one(47500), one(47100)}, "4 open", "OPEN 47100",
			"47501-47599 are closed"},
		"the rest, not the first": {"hazelcast", nil, []reach.Range{{First: 5702, Last: 5800}}, "2 closed", "MISSING 5701", ""},
		"a range that ends early": {"hazelcast", nil, []reach.Range{{First: 5701, Last: 5703}}, "2 closed", "MISSING 5704-5800",
			"first port 5701 is open"},
		"two servers here": {"hazelcast", reach.PortsOf(reach.Range{First: 5701, Last: 5702}), []reach.Range{one(5701)},
			"2 closed", "MISSING 5702-5800", "first port 5701 is open"},
		"one server here": {"hazelcast", reach.PortsOf(one(5701)), []reach.Range{one(5701)}, "2 open", "OPEN 5701",
			"first port"},
		"no communication": {"ignite2", nil, []reach.Range{{First: 47500, Last: 47599}}, "2 closed, 2 open",
			"MISSING 47100-47199", ""},
		"ports by hand": {"tcp/5701-5800", nil, []reach.Range{one(5701)}, "2 closed", "MISSING 5702-5800", ""},
		"RabbitMQ's tools, of which several run": {"rabbitmq+cli", nil, []reach.Range{one(4369), one(25672), one(35672)}, "2 closed, 4 open",
			"MISSING 35673-35682", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := between(t, c.requirement, c.listened, c.open...)
			var out bytes.Buffer
			if err := r.Table(&out, term.Style{}); err != nil {
				t.Fatal(err)
			}
			head, rest, _ := strings.Cut(out.String(), "\n")
			if !strings.HasSuffix(head, ": "+c.counts) || !strings.Contains(rest, c.cell) {
				t.Errorf("%s\n%s", head, rest)
			}
			if hinted := slices.ContainsFunc(r.Hints, func(hint string) bool { return strings.Contains(hint, c.hint) }); hinted != (c.hint != "") {
				t.Errorf("hints %q", r.Hints)
			}
			if failed := r.Err() != nil; failed != strings.Contains(c.counts, "closed") {
				t.Errorf("error %v", r.Err())
			}
			if closed, _ := r.Closed(); (len(closed) > 0) != strings.Contains(c.counts, "closed") {
				t.Errorf("closed: %q", closed)
			}
		})
	}
}
