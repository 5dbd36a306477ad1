package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"muster/bootstrap/bootreport"
	"muster/internal/base/exitcode"
	"muster/internal/sandbox"
)

// The port check makes its own calls during a boot: DescribeInstances, security groups, routes. The report counts all
// of them, and all calls share one set of credentials.
func TestTheReportCountsEveryCallOfTheCommand(t *testing.T) {
	s := manned(t, false)
	said := typed(t, s, [][]string{{"bootstrap", "--cluster", "prod", "--ports", "tcp/47100-47109"}, {"agent"}})
	calls, reads := s.CallCount("", ""), credentialReads(s)
	said += typed(t, s, [][]string{{"verify", "--timeout", "20s"}})
	calls, reads = s.CallCount("", "")-calls, credentialReads(s)-reads

	var report bootreport.Report
	files, _ := filepath.Glob(filepath.Join(os.Getenv("MUSTER_ROOT"), "var/lib/muster/instances/*/report.json"))
	if len(files) != 1 {
		t.Fatalf("reports %q\n%s", files, said)
	}
	data, err := os.ReadFile(files[0])
	if err == nil {
		err = json.Unmarshal(data, &report)
	}
	if err != nil {
		t.Fatal(err)
	}
	if report.AWSCalls != calls || calls < 4 || report.Outcome != bootreport.Registered {
		t.Errorf("the report counts %d AWS calls, %d were sent; %s\n%s", report.AWSCalls, calls, report.Outcome, said)
	}
	if reads > 1 {
		t.Errorf("the credentials were read %d times", reads)
	}
}

// credentialReads returns how often the role's credentials were read.
func credentialReads(s *sandbox.Sandbox) (n int) {
	for _, r := range s.LocalRequests() {
		if strings.Contains(r.Path, "security-credentials/") && !strings.HasSuffix(r.Path, "/") {
			n++
		}
	}
	return n
}

func TestAnArgumentThatNamesAClusterIsTakenForOne(t *testing.T) {
	for line, want := range map[string]string{
		"debug prod":     "muster: debug takes no argument; use --cluster prod\n",
		"bootstrap prod": "muster: bootstrap takes no argument; use --cluster prod\n",
		"check a b":      "muster: check takes no argument\n",
	} {
		var out strings.Builder
		if code := Main("test", strings.Fields(line), &out, &out); code != exitcode.Usage || out.String() != want {
			t.Errorf("%s: exit code %d: %s", line, code, out.String())
		}
	}
}

// A Go program that panics exits with 2, so muster must not use that code for anything else (ADR 9).
func TestUsageErrorsExitWith64(t *testing.T) {
	for _, line := range []string{"bootstap", "bootstrap --clutser prod", "verify prod", "verify --output xml"} {
		var out strings.Builder
		if code := Main("test", strings.Fields(line), &out, &out); code != exitcode.Usage {
			t.Errorf("%s: exit code %d: %s", line, code, out.String())
		}
	}
}
