package redact_test

import (
	"testing"

	"muster/internal/redact"
)

// A file is masked only if its path names a secret and its own text has no names.
func TestOtherFilesStayReadable(t *testing.T) {
	for _, text := range []string{
		"write_files:\n  - path: /etc/motd\n    content: |\n      Welcome\n  - path: /usr/local/bin/rotate-password.sh\n    content: |\n      " +
			"#!/bin/sh\n",
		"- content: |\n    interval=10\n  path: /etc/app/app.conf\n",
		`{"path":"/etc/motd","content":"Welcome"}`,
		`{"path":"/etc/password-policy.json","content":"minimum 12"}`,
		`GET path=/oauth2/start content=text`,
		"echo restarted > /var/log/token-refresh.log",
		"cat > /etc/profile.d/app.sh <<'EOF'\nexport APP_ENV=prod\nEOF",
		"\"Cmd\": [\n  \"-p\",\n  \"8080\"\n],\n\"Image\": \"x\",\n\"Entrypoint\": [\n  \"nginx\"\n]",
		"|  /prod/app/url  |  String  |  https://app.example  |",
	} {
		if got := redact.Log(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}
