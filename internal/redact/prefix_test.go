package redact_test

import (
	"strings"
	"testing"

	"muster/internal/redact"
)

// Rules for the start of a line also apply behind the prefixes of journald, the console and docker compose.
func TestSettingsBehindPrefixesAreMasked(t *testing.T) {
	for _, prefix := range []string{
		"Nov 28 01:02:03 ip-10-0-1-5 app[812]: ",
		"2026-11-28T01:02:03+0000 ip-10-0-1-5 app[812]: ",
		"[   12.345678] cloud-init[812]: ",
		"app-1  | ",
		"Nov 28 01:02:03 ip-10-0-1-5 app[812]: [   12.345678] cloud-init[812]: ",
		"app-1  | Nov 28 01:02:03 ip-10-0-1-5 app[812]: ",
	} {
		for _, setting := range []string{"shared_key correcthorse", "  requirepass correcthorse", "db_password: correcthorse staple"} {
			got := redact.Log(prefix + setting)
			if strings.Contains(got, "correcthorse") || strings.Contains(got, "staple") || !strings.HasPrefix(got, prefix) {
				t.Errorf("%q became %q", prefix+setting, got)
			}
		}
	}
}
