//go:build integration

package probe

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"

	"muster/reach"
	"muster/test/ec2json"
	"muster/test/need"
)

// The two ends of the wire, and addresses behind the peer: one without a route, one without a host.
const (
	here, there   = "10.99.0.1", "10.99.0.2"
	here6, there6 = "fd99::1", "fd99::2"
	beyond        = "10.98.0.9"
	nowhere       = "10.97.0.9"
)

// world is two network namespaces connected by a wire.
type world struct{ here, there string }

// newWorld creates network namespaces with unique names, and removes them and their processes at the end. It does not
// change the machine's own network.
func newWorld(t *testing.T) world {
	t.Helper()
	for _, tool := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(tool); err != nil {
			need.Missing(t, tool)
		}
	}
	if os.Geteuid() != 0 {
		need.Missing(t, "root")
	}
	w := world{fmt.Sprintf("muster-probe-%d-a", os.Getpid()), fmt.Sprintf("muster-probe-%d-b", os.Getpid())}
	for _, name := range []string{w.here, w.there} {
		run(t, "", "ip", "netns", "add", name)
		t.Cleanup(func() { run(t, "", "ip", "netns", "delete", name) })
	}
	run(t, "", "ip", "-n", w.here, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", w.there)
	w.address(t, w.here, here, here6)
	w.address(t, w.there, there, there6)
	run(t, "", "ip", "-n", w.here, "route", "add", beyond, "via", there)
	run(t, "", "ip", "netns", "exec", w.there, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
	return w
}

func (w world) address(t *testing.T, name, v4, v6 string) {
	run(t, "", "ip", "-n", name, "address", "add", v4+"/24", "dev", "wire")
	run(t, "", "ip", "-n", name, "address", "add", v6+"/64", "dev", "wire", "nodad")
	run(t, "", "ip", "-n", name, "link", "set", "lo", "up")
	run(t, "", "ip", "-n", name, "link", "set", "wire", "up")
}

// run returns the output of a command.
func run(t *testing.T, stdin, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// firewall replaces the rules of one namespace. It creates only its own table.
func firewall(t *testing.T, namespace, hook string, rules ...string) {
	t.Helper()
	chain := fmt.Sprintf(
		"table inet muster { chain %s { type filter hook %s priority 0; policy accept;\n%s\n}\n}\n",
		hook,
		hook,
		strings.Join(rules, "\n"),
	)
	run(t, chain, "ip", "netns", "exec", namespace, "nft", "-f", "-")
}

// actor returns a command that runs this test binary in a role inside a namespace.
func actor(t *testing.T, namespace, role string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("ip", "netns", "exec", namespace, self)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stderr = os.Stderr
	return cmd
}

// listen listens on addresses ("tcp/10.0.2.5:47500") of the peer until the test ends.
func (w world) listen(t *testing.T, addrs ...string) {
	t.Helper()
	cmd := actor(t, w.there, "listen "+strings.Join(addrs, " "))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the listener said %q, %v", line, err)
	}
}

func (w world) dial(t *testing.T, source string, targets ...Target) []Result {
	t.Helper()
	in, err := json.Marshal(script{netip.MustParseAddr(source), targets})
	if err != nil {
		t.Fatal(err)
	}
	cmd := actor(t, w.here, "dial")
	cmd.Stdin = strings.NewReader(string(in))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var results []Result
	if err := json.Unmarshal(out, &results); err != nil || len(results) != len(targets) {
		t.Fatalf("got %s, %v", out, err)
	}
	return results
}

func udp(addr string) Target { return Target{reach.UDP, netip.MustParseAddrPort(addr)} }

func TestProbeMatchesTheFirewallRules(t *testing.T) {
	w := newWorld(t)
	w.listen(t, "tcp/"+there+":47100", "tcp/"+there+":47101", "tcp/"+there+":47102", "tcp/"+there+":47103", "tcp/["+there6+"]:47100",
		"udp/"+there+":8301", "udp/"+there+":8303")
	firewall(t, w.there, "input",
		"tcp dport 47101 reject with tcp reset", "tcp dport 47102 reject with icmpx admin-prohibited", "tcp dport 47103 drop",
		"udp dport 8303 drop", "udp dport 8304 reject with icmpx admin-prohibited")
	firewall(t, w.here, "output", "udp dport 8305 drop")
	for source, wants := range map[string]map[Target]reach.Contact{
		here: {
			tcp(there + ":47100"): reach.Connected, tcp(there + ":47104"): reach.Refused, tcp(there + ":47101"): reach.Refused,
			tcp(there + ":47102"): reach.NoRoute, tcp(there + ":47103"): reach.TimedOut,
			tcp(beyond + ":47100"): reach.NoRoute, tcp(nowhere + ":47100"): reach.NoRoute,
			udp(there + ":8301"): reach.Connected, udp(there + ":8302"): reach.Refused, udp(there + ":8303"): reach.Silent,
			udp(there + ":8304"): reach.NoRoute, udp(there + ":8305"): reach.NotProbed, udp(nowhere + ":8301"): reach.NoRoute,
		},
		here6: {
			tcp("[" + there6 + "]:47100"): reach.Connected, tcp("[" + there6 + "]:47104"): reach.Refused,
			tcp("[" + there6 + "]:47101"): reach.Refused,
			tcp("[" + there6 + "]:47102"): reach.NoRoute, tcp("[" + there6 + "]:47103"): reach.TimedOut, tcp("[fd98::9]:47100"): reach.NoRoute,
		},
		"10.99.0.77": {tcp(there + ":47100"): reach.NotProbed},
	} {
		var targets []Target
		for target := range wants {
			targets = append(targets, target)
		}
		for _, got := range w.dial(t, source, targets...) {
			if got.Contact != wants[got.Target] {
				t.Errorf("%s %s: got %s (%s), want %s", got.Protocol, got.Addr, got.Contact, got.Err, wants[got.Target])
			}
			if (got.Err == "") != (got.Contact == reach.Connected) {
				t.Errorf("%+v", got)
			}
		}
	}
}

// The peer's security group allows 47100-47105. Its firewall has the same rules with three exceptions: it rejects 47104,
// also drops 47105, and accepts 47109, like a tracked connection.
func TestVerdictAndProbeTogether(t *testing.T) {
	w := newWorld(t)
	w.listen(t, "tcp/"+there+":47100", "tcp/"+there+":47105", "tcp/"+there+":47107", "tcp/"+there+":47109")
	firewall(
		t,
		w.there,
		"input",
		"tcp dport 47104 reject with icmp type admin-prohibited",
		"tcp dport 47109 accept",
		"tcp dport 47100-47104 accept",
		"tcp dport 47100-47199 drop",
	)
	verdict := judged(t)
	for port, want := range map[uint16]struct {
		static  reach.Status
		contact reach.Contact
		says    string
	}{
		47100: {reach.Open, reach.Connected, "something listens"},
		47102: {reach.Open, reach.Refused, "start the server, or check the address it binds"},
		47104: {reach.Open, reach.NoRoute, "a firewall rejects it as prohibited"},
		47105: {reach.Open, reach.TimedOut, "a firewall on the host"},
		47107: {reach.Missing, reach.TimedOut, "both agree, P1 (10.99.0.1) cannot reach P2 (10.99.0.2) on tcp 47106-47109"},
		47109: {reach.Missing, reach.Connected, "a tracked connection from before the rules changed"},
	} {
		got := w.dial(t, here, Target{reach.TCP, netip.AddrPortFrom(netip.MustParseAddr(there), port)})[0]
		sentence := verdict.Join(got.Probe())
		if verdict.Missing.Has(port) != (want.static == reach.Missing) || got.Contact != want.contact ||
			!strings.Contains(sentence, want.says) {
			t.Errorf("%d: got %s: %s", port, got.Contact, sentence)
		}
	}
	gone := w.dial(t, here, tcp(beyond+":47100"))[0]
	if sentence := verdict.Join(gone.Probe()); !strings.Contains(sentence, "the route tables") {
		t.Errorf("no route: %s", sentence)
	}
}

// Four ports of each of 1,000 silent peers, with a typical shell's limit of descriptors. The test checks the number of
// descriptors, and logs the duration.
func TestThousandSilentPeers(t *testing.T) {
	w := newWorld(t)
	run(t, "", "ip", "-n", w.here, "route", "add", "10.96.0.0/16", "via", there)
	firewall(t, w.there, "prerouting", "ip daddr 10.96.0.0/16 drop")
	var targets []Target
	for n := range 1000 {
		for _, port := range []uint16{47500, 47599, 47100, 47199} {
			targets = append(
				targets,
				Target{reach.TCP, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 96, byte(n / 250), byte(n%250 + 1)}), port)},
			)
		}
	}
	in, err := json.Marshal(script{netip.MustParseAddr(here), targets})
	if err != nil {
		t.Fatal(err)
	}
	cmd := actor(t, w.here, "spend")
	cmd.Stdin = strings.NewReader(string(in))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got spent
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if got.Contacts["timed out"] != 4000 || got.Files < 500 || got.Files > 1024-reserved/2 {
		t.Errorf("%+v", got)
	}
	t.Logf("4,000 dials of 1,000 silent peers: %s, %d descriptors at most", got.Took, got.Files)
}

// judged returns reach's verdict on tcp 47100-47109 from one end to the other.
func judged(t *testing.T) reach.Verdict {
	t.Helper()
	groups, err := ec2json.ParseGroups([]byte(`{"SecurityGroups": [{"GroupId": "sg-a",
		"IpPermissions": [{"IpProtocol": "tcp", "FromPort": 47100, "ToPort": 47105, "IpRanges": [{"CidrIp": "10.99.0.0/24"}]}],
		"IpPermissionsEgress": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	end := func(name, addr string) reach.Endpoint {
		return reach.Endpoint{
			Name: name,
			ENI: reach.ENI{
				ID:     "eni-" + name,
				Addrs:  []netip.Addr{netip.MustParseAddr(addr)},
				Groups: []string{"sg-a"},
				Subnet: "subnet-1",
				VPC:    "vpc-1",
			},
		}
	}
	need := reach.Need{Protocol: reach.TCP, Ports: reach.Range{First: 47100, Last: 47109}}
	return reach.NewJudge(reach.World{Groups: groups}).Evaluate(end("P1", here), end("P2", there), need)
}
