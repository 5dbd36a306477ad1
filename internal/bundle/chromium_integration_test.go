//go:build integration

package bundle_test

import (
	"image/color"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"muster/internal/bundle"
	"muster/internal/report/ports"
	"muster/reach"
	"muster/test/ec2json"
	"muster/test/need"
)

// matrix returns the report for peers of which the third has a rule for too few ports.
func matrix(t *testing.T) *ports.Report {
	t.Helper()
	groups, err := ec2json.ParseGroups([]byte(`{"SecurityGroups":[
	 {"GroupId":"sg-cache","IpPermissions":[{"IpProtocol":"tcp","FromPort":47100,"ToPort":47599,"IpRanges":[{"CidrIp":"10.0.0.0/16"}]}],
	  "IpPermissionsEgress":[{"IpProtocol":"-1","IpRanges":[{"CidrIp":"0.0.0.0/0"}]}]},
	 {"GroupId":"sg-batch","IpPermissions":[{"IpProtocol":"tcp","FromPort":47100,"ToPort":47105,"IpRanges":[{"CidrIp":"10.0.0.0/16"}]}],
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
	needs, _, err := reach.ParsePorts("ignite2")
	if err != nil {
		t.Fatal(err)
	}
	q := ports.Question{
		Scope:  "cluster prod",
		Region: "eu-west-1",
		Self:   -1,
		World:  reach.World{Groups: groups, ACLs: acls},
		Needs:  needs,
		At:     at,
	}
	for i, group := range []string{"sg-cache", "sg-cache", "sg-batch"} {
		q.Peers = append(
			q.Peers,
			reach.Endpoint{Name: "i-0aaaaaaaaaaaaaaa" + string(rune('0'+i)), Region: "eu-west-1", Account: "1", ENI: reach.ENI{
				ID: "eni-" + string(rune('0'+i)),
				Addrs: []netip.Addr{
					netip.AddrFrom4([4]byte{10, 0, 1, byte(10 + i)}),
				},
				Groups: []string{group},
				Subnet: "subnet-a",
				VPC:    "vpc-1",
			}},
		)
	}
	report, err := ports.Judge(q)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestTheReportRendersInABrowserWithoutNetwork(t *testing.T) {
	s := sick(t)
	s.Ports = matrix(t)
	s.Results[0].Findings[0].Summary = `<script>console.error("a summary was run")</script><img src=http://example.com/a.png ` +
		`onerror=console.error(1)>`
	_, files := unpacked(t, s, bundle.Extras()...)
	path := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(path, []byte(files["report.html"]), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, width := range []string{"400", "1400"} {
		dom, console, shot := need.Chromium(t, path, width+",3600")
		if len(console) > 0 {
			t.Errorf("the console at %s: %q", width, console)
		}
		for _, want := range []string{"The most likely cause: there is no cluster prd", "<svg", "ecs-web-1-app-a0b1c2", "&lt;script&gt;"} {
			if !strings.Contains(dom, want) {
				t.Errorf("%q is not in the page", want)
			}
		}
		if n := need.Pixels(t, shot, color.NRGBA{0xb4, 0x23, 0x18, 0xff}); n < 500 {
			t.Errorf("%d pixels at %s are in the colour of a cause: the style is not applied", n, width)
		}
		if keep := os.Getenv("KEEP_SHOTS"); keep != "" {
			if err := os.WriteFile(filepath.Join(keep, "report-"+width+".png"), shot, 0o600); err != nil {
				t.Fatal(err)
			}
			_ = os.WriteFile(filepath.Join(keep, "report.html"), []byte(files["report.html"]), 0o600)
		}
	}
}
