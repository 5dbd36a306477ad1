package reach_test

import (
	"fmt"
	"net/netip"

	"muster/reach"
)

func ExampleJudge_Evaluate() {
	at := func(name, addr, group string) reach.Endpoint {
		return reach.Endpoint{
			Name:   name,
			Region: "eu-west-1",
			ENI: reach.ENI{ID: "eni-" + name, Addrs: []netip.Addr{netip.MustParseAddr(addr)},
				Groups: []string{group}, Subnet: "subnet-1", VPC: "vpc-1"},
		}
	}
	out := reach.Rule{Direction: reach.Egress, Protocol: reach.AllProtocols, Ports: reach.AnyPort(),
		Peer: reach.Peer{CIDR: netip.MustParsePrefix("0.0.0.0/0")}}
	cache := reach.Rule{IDs: []string{"sgr-1"}, Protocol: reach.TCP, Ports: reach.Range{First: 47100, Last: 47105},
		Peer: reach.Peer{Group: reach.GroupRef{ID: "sg-web"}}}
	judge := reach.NewJudge(reach.World{Groups: []reach.Group{
		{ID: "sg-web", Rules: []reach.Rule{out}}, {ID: "sg-cache", Rules: []reach.Rule{out, cache}}}})

	need := reach.Need{Protocol: reach.TCP, Ports: reach.Range{First: 47100, Last: 47109}}
	v := judge.Evaluate(at("web", "10.0.0.4", "sg-web"), at("cache", "10.0.0.5", "sg-cache"), need)
	fmt.Println(v.Status, v.Missing, "at", v.Hop)
	fmt.Println(v.Sentence())
	fmt.Println(v.Fixes[0].Command())
	// Output:
	// MISSING 47106-47109 at destination ingress
	// web (10.0.0.4) cannot reach cache (10.0.0.5) on tcp 47106-47109 of 47100-47109: at destination ingress of cache, no rule on eni-cache allows 47106-47109 (sgr-1 of sg-cache: 47100-47105)
	// aws ec2 authorize-security-group-ingress --region eu-west-1 --group-id sg-cache --ip-permissions 'IpProtocol=tcp,FromPort=47106,ToPort=47109,UserIdGroupPairs=[{GroupId=sg-web}]'
}

func ExampleParsePorts() {
	needs, warnings, err := reach.ParsePorts("ignite2+jetty,tomcat-cluster,udp/8301")
	for _, n := range needs {
		fmt.Println(n)
	}
	fmt.Println(warnings[1])
	fmt.Println(err)
	_, _, err = reach.ParsePorts("ignit2")
	fmt.Println(err)
	// Output:
	// tcp 47500-47599 (ignite2 discovery)
	// tcp 47100-47199 (ignite2 communication)
	// tcp 8080-8179 (ignite2 Jetty REST)
	// tcp 4000-4099 (tomcat-cluster receiver)
	// udp 8301
	// ignite2 Jetty REST and tomcat-cluster HTTP connector both use tcp 8080: on one host only the first process to start gets it
	// <nil>
	// ports "ignit2": no such profile; did you mean ignite2 or ignite3?
}
