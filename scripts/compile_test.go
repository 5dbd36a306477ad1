package scripts_test

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
)

func TestCompileShowsProgressAndErrorsAndExitsAsTheBuildDoes(t *testing.T) {
	t.Parallel()
	const build = `i=0; while [ $i -lt 205 ]; do echo "example.com/m/p$i" >&2; i=$((i+1)); done
echo "go: downloading example.com/a v1.0.0" >&2; echo "# example.com/m/broken" >&2; echo "m/x.go:3:1: syntax error" >&2; exit 3`
	out, err := exec.CommandContext(t.Context(), "./compile", "sh", "-c", build).CombinedOutput()
	want := []string{
		"compiling (first time: 1-3 minutes)",
		"  100 packages",
		"  200 packages",
		"  downloading modules",
		"# example.com/m/broken",
		"m/x.go:3:1: syntax error",
	}
	if got := strings.TrimSpace(string(out)); got != strings.Join(want, "\n") {
		t.Errorf("printed\n%s", got)
	}
	if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("%v, want exit status 3", err)
	}
	if out, err := exec.CommandContext(t.Context(), "./compile", "true").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
