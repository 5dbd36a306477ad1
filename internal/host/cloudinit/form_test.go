package cloudinit_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"strings"
	"testing"

	"muster/internal/host/cloudinit"
)

const script = "#!/bin/bash\necho ECS_CLUSTER=s3cret >> /etc/ecs/ecs.config\n"

func packed(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func multipart(kind, body string) string {
	return "Content-Type: multipart/mixed; boundary=\"==B==\"\nMIME-Version: 1.0\n\n--==B==\nContent-Type: " + kind + "\n\n" + body +
		"\n--==B==--\n"
}

// The headers come from cloud-init's documentation, "User data formats". Double base64, a blank before "#!" and CRLF
// prevent user data from running: aws/aws-cdk#24212, canonical/cloud-init#4275, hashicorp/terraform#3888.
func TestFlaws(t *testing.T) {
	encoded := base64.StdEncoding.EncodeToString([]byte(script))
	for name, c := range map[string]struct{ data, says string }{
		"none":                    {"", ""},
		"a script":                {script, ""},
		"a script for env":        {"#! /usr/bin/env python3\n", ""},
		"cloud-config":            {"#cloud-config\nruncmd: []\n", ""},
		"cloud-config with CRLF":  {"#cloud-config\r\nruncmd: []\r\n", ""},
		"an include":              {"#include\nhttps://example.com/x\n", ""},
		"a template":              {"## template: jinja\n#cloud-config\n", ""},
		"a boothook":              {"#cloud-boothook\n", ""},
		"a part handler":          {"#part-handler\n", ""},
		"packed":                  {packed(t, script), ""},
		"MIME":                    {multipart("text/x-shellscript", script), ""},
		"MIME, version first":     {"MIME-Version: 1.0\n" + multipart("text/cloud-config", "#cloud-config\n"), ""},
		"Windows line endings":    {strings.ReplaceAll(script, "\n", "\r\n"), "carriage return"},
		"a blank first":           {"    " + script, "begins with a blank or an empty line"},
		"an empty line first":     {"\n" + script, "begins with a blank or an empty line"},
		"only blanks":             {" \n\n", "only blanks"},
		"encoded twice":           {encoded, "encoded twice"},
		"encoded twice, in lines": {encoded[:20] + "\n" + encoded[20:] + "\n", "encoded twice"},
		"packed and encoded":      {base64.StdEncoding.EncodeToString([]byte(packed(t, script))), "encoded twice"},
		"a byte order mark":       {"\xef\xbb\xbf" + script, "byte order mark"},
		"UTF-16":                  {"\xff\xfe#\x00!\x00", "UTF-16"},
		"no first line":           {"export A=s3cret\n", "does not begin with"},
		"a path for a script":     {"file://s3cret.sh", "does not begin with"},
		"PowerShell":              {"<powershell>\n</powershell>\n", "Windows"},
		"a spaced cloud-config":   {"# cloud-config\nruncmd: []\n", `exactly "#cloud-config"`},
		"packed, with CRLF":       {packed(t, strings.ReplaceAll(script, "\n", "\r\n")), "carriage return"},
		"a part with CRLF":        {strings.ReplaceAll(multipart("text/x-shellscript", script), "\n", "\r\n"), "part 1 of user data"},
		"a part with a blank":     {multipart("text/x-shellscript", "  "+script), "part 1 of user data begins with a blank"},
		"MIME without a boundary": {"Content-Type: multipart/mixed\nMIME-Version: 1.0\n\nx", "without a boundary"},
		"MIME without parts":      {"Content-Type: multipart/mixed; boundary=x\nMIME-Version: 1.0\n\ny\n", "no parts"},
	} {
		got := strings.Join(cloudinit.Flaws([]byte(c.data)), "; ")
		if (got == "") != (c.says == "") || !strings.Contains(got, c.says) {
			t.Errorf("%s: got %q, want %q", name, got, c.says)
		}
		if strings.Contains(got, "s3cret") {
			t.Errorf("%s: it quotes user data: %q", name, got)
		}
	}
}

// The lines come from public reports: cloud-init 18.5 of Amazon Linux 2 and 22.2 of Amazon Linux 2023.
func TestFailures(t *testing.T) {
	const out, own = "/var/log/cloud-init-output.log", "/var/log/cloud-init.log"
	for name, c := range map[string]struct {
		log, line string
		want      string
	}{
		"unhandled": {own, "2026-11-27 08:00:00,000 - __init__.py[WARNING]: Unhandled non-multipart (text/x-not-multipart) userdata: " +
			"'b'export S=s3cret'...'", own + `: "Unhandled non-multipart (text/x-not-multipart) userdata": cloud-init did not run it`},
		"a failed script": {out, "2026-11-27 08:00:00,000 - util.py[WARNING]: Failed running /var/lib/cloud/instance/scripts/part-001 [1]",
			out + ": Failed to run /var/lib/cloud/instance/scripts/part-001 [1]"},
		"no interpreter": {out, "2026-11-27 08:00:00,000 - subp.py[WARNING]: Failed to run /var/lib/cloud/instance/scripts/part-001 [Errno " +
			"2] No such file or directory", out + ": Failed to run /var/lib/cloud/instance/scripts/part-001 [Errno 2] No such file or directory"},
		"not YAML": {own, "2026-11-27 08:00:00,000 - util.py[WARNING]: Failed loading yaml blob. Invalid format at line 3 column 5: " +
			"\"s3cret", own + ": Failed loading yaml blob. Invalid format at line 3 column 5"},
		"not merged": {own, "2026-11-27 08:00:00,000 - cloud_config.py[WARNING]: Failed at merging in cloud config part from part-002: " +
			"empty cloud config", own + ": Failed at merging in cloud config part from part-002"},
		"no failure": {own, "2026-11-27 08:00:00,000 - util.py[DEBUG]: Writing to /var/lib/cloud/instance/scripts/part-001", ""},
		"rebooted": {out, "Cloud-init v. 22.2.2 running 'modules:final' at Fri, 27 Nov 2026 08:00:00 +0000.\nCloud-init v. 22.2.2 " +
			"running 'init-local' at Fri, 27 Nov 2026 08:01:00 +0000.",
			out + ": the instance rebooted while user data was running, and the rest of it did not run"},
		"rebooted later": {out, "Cloud-init v. 22.2.2 running 'modules:final' at x.\nCloud-init v. 22.2.2 finished at Fri, 27 Nov 2026 " +
			"08:00:10 +0000.\nCloud-init v. 22.2.2 running 'init-local' at x.", ""},
	} {
		got, err := cloudinit.Failures(root(t, map[string]string{c.log: c.line + "\n"}))
		text := ""
		if len(got) > 0 {
			text = got[0].Text
		}
		if err != nil || len(got) > 1 || text != c.want {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestFailureOfAnEarlierBootIsMarked(t *testing.T) {
	const line, boot = "Failed running /var/lib/cloud/instance/scripts/part-001 [1]\n", "Cloud-init v. 22.2.2 running 'init-local' at x.\n"
	for text, want := range map[string]bool{line: false, boot + line: false, line + boot: true, line + boot + line: false} {
		got, err := cloudinit.Failures(root(t, map[string]string{cloudinit.Logs[0]: text}))
		if err != nil || len(got) != 1 || got[0].Earlier != want {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
	}
}

func TestFailureInBothLogsIsReportedOnce(t *testing.T) {
	const line = "Failed running /var/lib/cloud/instance/scripts/part-001 [1]\n"
	got, err := cloudinit.Failures(root(t, map[string]string{cloudinit.Logs[0]: line, cloudinit.Logs[1]: line}))
	if err != nil || len(got) != 1 || got[0].Part != "part-001" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func FuzzFlaws(f *testing.F) {
	for _, text := range []string{script, multipart("text/x-shellscript", script), packed(f, script), " #!", "IyEvYmluL2Jhc2gK"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, flaw := range cloudinit.Flaws(data) {
			if flaw == "" || strings.ContainsAny(flaw, "\r\n") {
				t.Errorf("%q of %q", flaw, data)
			}
		}
	})
}
