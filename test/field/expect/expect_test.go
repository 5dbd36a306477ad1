package expect

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"muster/test/field/fieldcase"
)

func TestAnswerEndsAtFirstEmptyLine(t *testing.T) {
	for _, c := range []struct{ name, stdout, want string }{
		{"with details", "Cause: a\n  why  b\n\n1 failed\n", "Cause: a\n  why  b\n"},
		{"a line of blanks is empty", "Cause: a\n  \n  why  b\n", "Cause: a\n"},
		{"alone", "Healthy\n", "Healthy\n"},
		{"without a line break", "Healthy", "Healthy"},
		{"an empty first line", "\nCause: a\n", ""},
		{"nothing", "", ""},
	} {
		if got := Answer(c.stdout); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestInAnswer(t *testing.T) {
	const answer = "Cause: agent.db names cluster prod\n  fix  Run\n       muster bootstrap --cluster prod\n"
	for _, c := range []struct {
		name string
		want fieldcase.Text
		why  []string
	}{
		{"all is there", fieldcase.Text{Says: []string{"agent.db", "/cluster prod$/"}, Not: []string{"deregister"}}, nil},
		{"a pattern across a line break", fieldcase.Text{Says: []string{"fix Run muster"}}, nil},
		{"its own line", fieldcase.Text{Says: []string{`/(?m)^ +muster bootstrap --cluster prod$/`}}, nil},
		{"something is missing", fieldcase.Text{Says: []string{"ecs.config:4"}},
			[]string{"answer: want ecs.config:4 in: Cause: agent.db names cluster prod ..."}},
		{"something is forbidden", fieldcase.Text{Not: []string{"/run.*bootstrap/"}},
			[]string{"answer: must not contain /run.*bootstrap/: Run muster bootstrap"}},
	} {
		if diff := cmp.Diff(c.why, InAnswer("answer", answer, c.want)); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
	}
}

// InText matches the text unfolded: /a.*b/ must not match across lines.
func TestInTextDoesNotFold(t *testing.T) {
	if why := InText("output", "peer registered\nport failed\n", fieldcase.Text{Not: []string{"/registered.*failed/"}}); why != nil {
		t.Error(why)
	}
}

func TestExit(t *testing.T) {
	for _, c := range []struct {
		want []int
		why  []string
	}{
		{nil, nil},
		{[]int{0, 1}, nil},
		{[]int{0, 3}, []string{"muster debug: want exit [0 3], got 1"}},
	} {
		if diff := cmp.Diff(c.why, Exit("debug", 1, c.want)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestStable(t *testing.T) {
	const text = "instance/prod/0123456789abcdef0123456789abcdef at 2026-03-01T10:59:54Z, 127.0.0.1:4711 took 12.5ms, after 30s"
	if got, want := Stable(text), "instance/prod/ID at TIME, 127.0.0.1:PORT took DURATION, after 30s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

const failed = `{"schema": 1, "causes": [{"check": "cluster", "id": "cluster-missing", "status": "fail",
"summary": "cluster prdo does not exist"}],
"checks": [
 {"id": "cluster", "status": "fail", "findings": [{"id": "cluster-missing", "status": "fail"}]},
 {"id": "clock", "status": "warn", "findings": [{"id": "clock-unknown", "status": "warn"}]},
 {"id": "registered", "status": "fail", "findings": [
  {"id": "clock-unknown", "status": "fail"}, {"id": "other", "status": "pass"}]}]}`

func TestReport(t *testing.T) {
	r, err := ParseReport(failed)
	if err != nil {
		t.Fatal(err)
	}
	healthy, err := ParseReport(`{"causes": [], "checks": []}`)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		got  []string
		why  []string
	}{
		{"the right cause", r.Cause([]string{"other", "cluster-missing"}, nil), nil},
		{"any cause but one", r.Cause(nil, []string{"wrong-cluster"}), nil},
		{"another cause", r.Cause([]string{"a", "b"}, nil), []string{"cause: want a or b, got cluster-missing"}},
		{"a forbidden cause", r.Cause(nil, []string{"cluster-missing"}), []string{"cause: must not be cluster-missing"}},
		{"no cause", healthy.Cause([]string{"none"}, nil), nil},
		{"a cause where none is right", r.Cause([]string{"none"}, nil), []string{"cause: want none, got cluster-missing"}},
		{"the worst status of a finding", r.Findings(map[string]fieldcase.Words{"clock-unknown": {"fail"}, "gone": {"absent"}}), nil},
		{"another status", r.Findings(map[string]fieldcase.Words{"other": {"warn", "fail"}}),
			[]string{"finding other: want warn or fail, got pass"}},
		{"a missing finding", r.Findings(map[string]fieldcase.Words{"gone": {"warn"}}),
			[]string{"finding gone: want warn, got absent"}},
		{"a check", r.ChecksAre(map[string]fieldcase.Words{"clock": {"pass"}}), []string{"check clock: want pass, got warn"}},
		{"warnings", r.NoWarnings(), []string{"finding clock-unknown: want no warning"}},
		{"no warnings", healthy.NoWarnings(), nil},
	} {
		if diff := cmp.Diff(c.why, c.got); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
	}
}

func TestReportThatIsNotJSON(t *testing.T) {
	if _, err := ParseReport("Error: unknown flag\n"); err == nil {
		t.Error("accepted")
	}
}
