package cli

import (
	"io"
	"log/slog"
	"strings"
	"testing"
)

// The words come from the flags' own descriptions in the documentation (docs/reference/configuration.md, docs/guides/bundle.md).
func TestEnumeratedFlagsComplete(t *testing.T) {
	for args, want := range map[string]string{
		"debug --include ":       "user-data",
		"agent --metrics ":       "limits,agent",
		"agent --dimensions ":    "container,instance",
		"bootstrap --cfn-auth ":  "sigv4",
		"verify --ports-policy ": "ignore",
		"ports --fix ":           "terraform",
		"fleet --output ":        "junit",
		"status --color ":        "never",
	} {
		var out strings.Builder
		cmd := Command("test", slog.New(slog.NewTextHandler(io.Discard, nil)))
		cmd.SetOut(&out)
		cmd.SetErr(io.Discard)
		cmd.SetArgs(append([]string{"__complete"}, strings.Split(args, " ")...))
		if err := cmd.Execute(); err != nil || !strings.Contains("\n"+out.String(), "\n"+want+"\n") {
			t.Errorf("%s: %v, %q", args, err, out.String())
		}
	}
}
