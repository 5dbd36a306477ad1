package ports

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"muster/internal/base/exitcode"
	"muster/internal/base/fix"
	"muster/internal/term"
	"muster/reach"
	"muster/test/ec2json"
	"muster/test/golden"
)

// world returns n instances. Every third one has another security group, which opens the communication ports only up to
// 47105.
func world(t *testing.T, n int) ([]reach.Endpoint, reach.World) {
	t.Helper()
	groups, err := ec2json.ParseGroups([]byte(`{"SecurityGroups":[
	 {"GroupId":"sg-cache","IpPermissions":[
	  {"IpProtocol":"tcp","FromPort":47500,"ToPort":47599,"IpRanges":[{"CidrIp":"10.0.0.0/16"}]},
	  {"IpProtocol":"tcp","FromPort":47100,"ToPort":47199,"UserIdGroupPairs":[{"GroupId":"sg-cache","UserId":"1"}]},
	  {"IpProtocol":"tcp","FromPort":47100,"ToPort":47105,"UserIdGroupPairs":[{"GroupId":"sg-batch","UserId":"1"}]}],
	  "IpPermissionsEgress":[{"IpProtocol":"-1","IpRanges":[{"CidrIp":"0.0.0.0/0"}]}]},
	 {"GroupId":"sg-batch","IpPermissions":[{"IpProtocol":"tcp","FromPort":47000,"ToPort":47999,"IpRanges":[{"CidrIp":"10.0.0.0/16"}]}],
	  "IpPermissionsEgress":[{"IpProtocol":"-1","IpRanges":[{"CidrIp":"0.0.0.0/0"}]}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	acls, err := ec2json.ParseACLs([]byte(`{"NetworkAcls":[{"NetworkAclId":"acl-1","Associations":[{"SubnetId":"subnet-a"}],"Entries":[
	 {"CidrBlock":"0.0.0.0/0","Egress":true,"Protocol":"-1","RuleAction":"allow","RuleNumber":100},
	 {"CidrBlock":"0.0.0.0/0","Egress":false,"Protocol":"-1","RuleAction":"allow","RuleNumber":100}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	var peers []reach.Endpoint
	for i := range n {
		group := "sg-cache"
		if i%3 == 2 {
			group = "sg-batch"
		}
		peers = append(peers, reach.Endpoint{Name: fmt.Sprintf("i-%03d", i), Region: "eu-west-1", Account: "1", ENI: reach.ENI{
			ID: fmt.Sprintf("eni-%03d", i), Addrs: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(i / 200), byte(10 + i%200)})},
			Groups: []string{group}, Subnet: "subnet-a", VPC: "vpc-1"}})
	}
	return peers, reach.World{Groups: groups, ACLs: acls}
}

func judged(t *testing.T, n, self int, ports string) *Report {
	t.Helper()
	peers, w := world(t, n)
	needs, _, err := reach.ParsePorts(ports)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Judge(Question{Scope: "cluster prod", Region: "eu-west-1", Self: self, Peers: peers, World: w, Needs: needs,
		At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func table(t *testing.T, r *Report) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := r.Table(&out, term.Style{}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestTables(t *testing.T) {
	golden.File(t, "three.txt", table(t, judged(t, 3, -1, "ignite2")))
	golden.File(t, "self.txt", table(t, judged(t, 3, 2, "ignite2,tcp/9000")))
	golden.File(t, "hundred.txt", table(t, judged(t, 100, -1, "ignite2")))
}

func TestTheTableCannotMoveTheCursor(t *testing.T) {
	r := &Report{Findings: []Finding{{ID: "no-listener", Summary: "java\x1b[2J", Evidence: "a\nb", Fix: fix.Do("do\u009b", "run\x1b"),
		Inferred: true}}}
	var out strings.Builder
	if err := r.Table(&out, term.Style{}); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(out.String(), "\non this host, probably: java [2J\n  why      a b\n  fix      do \n           run \n") {
		t.Errorf("%q", out.String())
	}
}

func TestAHundredPeersStayReadable(t *testing.T) {
	text := string(table(t, judged(t, 100, -1, "ignite2")))
	lines := strings.Split(text, "\n")
	if len(lines) > 25 {
		t.Errorf("%d lines for 100 peers", len(lines))
	}
	for _, l := range lines[len(lines)-6:] {
		if len(l) > 140 {
			t.Errorf("a row of the matrix has %d columns: %s", len(l), l)
		}
	}
}

func TestJSONHoldsEveryPairOnce(t *testing.T) {
	r := judged(t, 3, -1, "ignite2")
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden.File(t, "three.json", append(data, '\n'))
	pairs := 0
	for _, b := range r.Blocks {
		for _, f := range b.From {
			for _, to := range b.To {
				if f != to {
					pairs++
				}
			}
		}
	}
	if pairs != 6 {
		t.Errorf("%d pairs in the blocks, want 6", pairs)
	}
}

func TestHTMLNeedsNoNetworkAndIsWellFormed(t *testing.T) {
	for name, r := range map[string]*Report{
		"matrix":       judged(t, 3, -1, "ignite2"),
		"one instance": judged(t, 3, 2, "ignite2"),
		"a hundred":    judged(t, 100, -1, "ignite2"),
	} {
		t.Run(name, func(t *testing.T) {
			r.Notes = []string{"<script>alert(1)</script>"}
			r.Findings = []Finding{{ID: "published-on-other-address", Summary: "a & b", Evidence: "<seen>", Fix: fix.Do("do <this>:", "run <that>"),
				Inferred: true}}
			var out bytes.Buffer
			if err := r.HTML(&out); err != nil {
				t.Fatal(err)
			}
			page := out.String()
			outside := regexp.MustCompile(`(?i)<script|<link|<img|<iframe|src=|href=|url\(|@import|https?://`)
			if m := outside.FindString(strings.ReplaceAll(page, "http://www.w3.org", "")); m != "" {
				t.Errorf("the page refers to something outside it: %s", m)
			}
			wellFormed(t, page)
			if !strings.Contains(strings.ReplaceAll(page, "\n", ""), "<strong>published-on-other-address</strong>, probably: a &amp; b</p>"+
				"<p>&lt;seen&gt;</p><p>do &lt;this&gt;:</p><pre>run &lt;that&gt;</pre>") {
				t.Error("the page does not say what was found on the host, and how certain it is")
			}
			if (name != "one instance") != strings.Contains(page, "<svg") {
				t.Errorf("a picture: %v", strings.Contains(page, "<svg"))
			}
		})
	}
}

// wellFormed checks that every element of the HTML page except meta is closed.
func wellFormed(t *testing.T, page string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, []string{"meta"}, xml.HTMLEntity
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
	}
}

func TestTheExitCodeFollowsTheWorst(t *testing.T) {
	peers, w := world(t, 2)
	open, _, _ := reach.ParsePorts("tcp/47500")
	closed, _, _ := reach.ParsePorts("tcp/9999")
	for name, c := range map[string]struct {
		needs []reach.Need
		world reach.World
		want  int
	}{
		"all open":            {open, w, exitcode.Healthy},
		"one closed":          {closed, w, exitcode.Failed},
		"a group not read":    {open, reach.World{ACLs: w.ACLs}, exitcode.Undetermined},
		"nothing to be asked": {nil, w, exitcode.Healthy},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Judge(Question{Self: -1, Peers: peers, World: c.world, Needs: c.needs})
			if err != nil {
				t.Fatal(err)
			}
			if got := exitcode.Of(r.Err()); got != c.want {
				t.Errorf("exit code %d, want %d", got, c.want)
			}
		})
	}
}

func TestAWriteThatFailsIsReported(t *testing.T) {
	r := judged(t, 3, -1, "ignite2")
	if r.Table(broken{}, term.Style{}) == nil || r.HTML(broken{}) == nil {
		t.Error("no error")
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("disk full") }

// Finding P4: a problem shows the number of rules that its pairs need, and the first two rules.
func TestAProblemShowsHowManyRulesItNeeds(t *testing.T) {
	r := judged(t, 3, -1, "tcp/9000")
	if o := r.Blocks[0].Outcomes[0]; len(o.Fixes) != 3 || o.FixCount != 0 {
		t.Errorf("%d fixes, count %d", len(o.Fixes), o.FixCount)
	}
	text := string(table(t, r))
	if strings.Count(text, "   aws ") != 2 || !strings.Contains(text, "2 of 3 rules are shown; --fix cli prints all of them") {
		t.Error(text)
	}
	if n := strings.Count(r.FixFile("cli"), "\naws "); n != 3 {
		t.Errorf("%d commands in the file", n)
	}
}

// Spare ports of a range are open: no rule is printed for them.
func TestTheFileHasNoRuleForSparePorts(t *testing.T) {
	peers, w := world(t, 2)
	needs, _, _ := reach.ParsePorts("hazelcast")
	w.Groups[0].Rules = append(w.Groups[0].Rules, reach.Rule{Protocol: reach.TCP, Ports: reach.Range{First: 5701, Last: 5701},
		Peer: reach.Peer{Group: reach.GroupRef{ID: "sg-cache"}}})
	r, err := Judge(Question{Scope: "x", Self: -1, Peers: peers, World: w, Needs: needs})
	if err != nil {
		t.Fatal(err)
	}
	if text := r.FixFile("cli"); r.Err() != nil || strings.Contains(text, "\naws ") {
		t.Errorf("%v\n%s", r.Err(), text)
	}
}

// Finding P9: 1,000 peers named by /32 printed 32 MB. The output is limited, and states how much was left out.
func TestALargeReportIsBounded(t *testing.T) {
	const n = 300
	peers, w := world(t, n)
	for i := range peers {
		at := reach.Peer{CIDR: netip.PrefixFrom(peers[i].Addrs[0], 32)}
		first := uint16(9000 + i%7)
		w.Groups[0].Rules = append(w.Groups[0].Rules, reach.Rule{Protocol: reach.TCP, Ports: reach.Range{First: first, Last: first + uint16(i%5)},
			Peer: at})
	}
	needs, _, _ := reach.ParsePorts("tcp/9000-9019")
	r, err := Judge(Question{Scope: "cluster prod", Region: "eu-west-1", Self: -1, Peers: peers, World: w, Needs: needs})
	if err != nil {
		t.Fatal(err)
	}
	text := table(t, r)
	var page bytes.Buffer
	if err := r.HTML(&page); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for what, size := range map[string]int{"table": len(text), "page": page.Len(), "JSON": len(data)} {
		if size > 1<<20 {
			t.Errorf("the %s has %d bytes", what, size)
		}
	}
	if strings.Count(string(text), "\nMISSING") > maxProblems || len(r.Blocks) > maxBlocks {
		t.Errorf("%d problems in the table, %d blocks", strings.Count(string(text), "\nMISSING"), len(r.Blocks))
	}
	pairs := 0
	for _, count := range r.Counts {
		pairs += count
	}
	if pairs != n*(n-1) {
		t.Errorf("the counts hold %d of %d pairs", pairs, n*(n-1))
	}
}

func TestBrowsersDoNotBreakIDsInSentences(t *testing.T) {
	want := `at <span class="id">i-1,</span> rule &lt;b&gt; of <span class="id">sg-a</span> ` + strings.Repeat("x-", 30)
	if got := htmlText("at i-1, rule <b> of sg-a " + strings.Repeat("x-", 30)); got != want {
		t.Errorf("%s", got)
	}
}

// Finding F3: fixes that exceed the default quota of 60 rules per group and direction.
func TestTheFixFileNamesGroupsBeyondTheQuota(t *testing.T) {
	for present, want := range map[int]bool{58: false, 59: true} {
		peers, w := world(t, 3)
		for i := range w.Groups {
			for n := range present {
				w.Groups[i].Rules = append(w.Groups[i].Rules, reach.Rule{Protocol: reach.UDP, Ports: reach.Range{First: uint16(n + 1),
					Last: uint16(n + 1)},
					Peer: reach.Peer{CIDR: netip.MustParsePrefix("192.0.2.1/32")}})
			}
			w.Groups[i].Rules = slices.DeleteFunc(w.Groups[i].Rules, func(r reach.Rule) bool {
				return r.Direction == reach.Ingress && r.Protocol == reach.TCP
			})
		}
		r, err := Judge(Question{Scope: "cluster prod", Self: -1, Peers: peers, World: w,
			Needs: []reach.Need{{Protocol: reach.TCP, Ports: reach.Range{First: 9000, Last: 9000}}}})
		if err != nil {
			t.Fatal(err)
		}
		// sg-cache lacks two rules: for its own members, and for those of sg-batch.
		text := r.FixFile("cli")
		if got := strings.Contains(text, "# sg-cache would have 61 ingress rules: the default quota is 60."); got != want {
			t.Errorf("%d rules: %t\n%s", present, got, text)
		}
	}
}
