package cli

import (
	"bufio"
	"bytes"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"muster/check"
	"muster/internal/base/exitcode"
	"muster/internal/term"
)

// fits-schema FILE [SCHEMA] checks that the JSON matches a schema in docs/schema: check.json, or the given one.
func fitsSchema(ts *testscript.TestScript, _ bool, args []string) {
	name := "check.json"
	if len(args) == 2 {
		name = args[1]
	}
	schema, err := jsonschema.NewCompiler().Compile("../../docs/schema/" + name)
	ts.Check(err)
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(ts.ReadFile(args[0])))
	ts.Check(err)
	ts.Check(schema.Validate(value))
}

// interrupted FILE ARGS runs muster with these arguments and sends SIGINT after its first line of progress. It must
// exit with 130. FILE receives its stdout.
func interrupted(ts *testscript.TestScript, _ bool, args []string) {
	cmd := exec.Command("muster", args[1:]...)
	cmd.Env = append(os.Environ(), ts.Value(varsKey{}).([]string)...)
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	stderr, err := cmd.StderrPipe()
	ts.Check(err)
	heedSignals()
	ts.Check(cmd.Start())
	progress := bufio.NewScanner(stderr)
	if !progress.Scan() {
		ts.Fatalf("no progress was reported")
	}
	ts.Check(cmd.Process.Signal(os.Interrupt))
	for progress.Scan() {
		ts.Logf("%s", progress.Text())
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitcode.Interrupted {
		ts.Fatalf("it ended with %v", err)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), stdout.Bytes(), 0o600))
}

// A wait of several minutes prints a state once, and after that only changes.
func TestAWaitLogsOnlyChanges(t *testing.T) {
	var out bytes.Buffer
	log := changes(slog.New(term.NewHandler(&out, false)))
	for _, summary := range []string{"a", "a", "b", "b", "a"} {
		log([]check.Result{{ID: "x", Findings: []check.Finding{{ID: "x", Status: check.Fail, Summary: summary}}}})
	}
	if want := "muster: wait        waiting: a\nmuster: wait        waiting: b\nmuster: wait        waiting: a\n"; out.String() != want {
		t.Errorf("got %q", out.String())
	}
}
