package redact_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"muster/internal/redact"
)

// audit(8) writes a command line as hexadecimal digits, with NUL bytes between the arguments.
func TestCommandLinesOfTheAuditLogAreDecoded(t *testing.T) {
	for command, isSecret := range map[string]bool{
		"mysql\x00-uroot\x00-phunter2":                  true,
		"/usr/bin/app\x00--db-password\x00correcthorse": true,
		"curl\x00-u\x00joe:x9Kq2\x00https://h.example":  true,
		"/usr/bin/dockerd\x00-H\x00fd://":               false,
		"tail\x00-F\x00/var/log/ecs/ecs-agent.log":      false,
	} {
		digits := strings.ToUpper(hex.EncodeToString([]byte(command)))
		for _, format := range []string{
			"type=PROCTITLE msg=audit(1764291723.123:456): proctitle=%s", "audit: type=1327 audit(1764291723.123:456): proctitle=%s",
			`{"log":"type=PROCTITLE msg=audit(1764291723.123:456): proctitle=%s"}`,
		} {
			line := fmt.Sprintf(format, digits)
			if got := redact.Log(line); isSecret == strings.Contains(got, digits) {
				t.Errorf("%q became %s", command, got)
			}
		}
	}
}

func TestKeystrokesInTheAuditLogAreMasked(t *testing.T) {
	const typed = "68756E746572320D"
	got := redact.Log("type=TTY msg=audit(1764291723.123:456): tty pid=9 uid=0 comm=\"bash\" data=" + typed)
	if strings.Contains(got, typed) || !strings.Contains(got, `comm="bash"`) {
		t.Error(got)
	}
}
