package check_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"muster/check"
	"muster/internal/base/fix"
)

// kind and kinds create the kinds for the checks of these tests.
func kind(id string) *check.Kind { return &check.Kind{ID: id} }

func kinds(ids ...string) []*check.Kind {
	var out []*check.Kind
	for _, id := range ids {
		out = append(out, kind(id))
	}
	return out
}

// does returns a check with exactly this finding.
func does(id string, status check.Status, needs ...string) check.Check {
	return check.Check{Kind: kind(id), Needs: kinds(needs...), Run: func(context.Context) []check.Finding {
		return []check.Finding{{Status: status, Summary: id + " is " + string(status)}}
	}}
}

func statuses(results []check.Result) string {
	var out []string
	for _, r := range results {
		out = append(out, r.ID+"="+string(r.Status))
	}
	return strings.Join(out, " ")
}

func TestAFailureSkipsWhatNeedsIt(t *testing.T) {
	results := check.Run(t.Context(), []check.Check{
		does("root", check.Fail), does("branch", check.Pass, "root"), does("leaf", check.Pass, "branch"), does("other", check.Warn),
	})
	if got, want := statuses(results), "root=fail branch=skip leaf=skip other=warn"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := results[2].BlockedBy; !slices.Equal(got, []string{"branch"}) {
		t.Errorf("leaf is blocked by %v", got)
	}
	if causes := check.Causes(results); len(causes) != 1 || causes[0].ID != "root" {
		t.Errorf("causes are %+v", causes)
	}
}

func TestAnUndeterminedCheckBlocksNothing(t *testing.T) {
	for _, status := range []check.Status{check.Unknown, check.Skip, check.Warn} {
		results := check.Run(t.Context(), []check.Check{does("need", status), does("leaf", check.Pass, "need")})
		if results[1].Status != check.Pass {
			t.Errorf("after %s: %s", status, statuses(results))
		}
	}
}

func TestTheWorstFindingIsTheStatusAndStandsFirst(t *testing.T) {
	results := check.Run(t.Context(), []check.Check{{Kind: kind("a"), Run: func(context.Context) []check.Finding {
		return []check.Finding{{Kind: kind("fine"), Status: check.Pass}, {Kind: kind("bad"), Status: check.Fail},
			{Kind: kind("odd"), Status: check.Warn}}
	}}, {Kind: kind("nothing"), Run: func(context.Context) []check.Finding { return nil }}})
	if got := statuses(results); got != "a=fail nothing=pass" || results[0].Findings[0].ID != "bad" || results[0].Findings[2].ID != "fine" {
		t.Errorf("got %s, %+v", got, results[0].Findings)
	}
}

func TestChecksThatAskAWSStandLast(t *testing.T) {
	api := does("api", check.Pass)
	api.Remote = true
	if got := statuses(check.Run(t.Context(), []check.Check{api, does("local", check.Pass)})); got != "local=pass api=pass" {
		t.Error(got)
	}
}

func TestAPanicIsUnknownAndSaysWhere(t *testing.T) {
	results := check.Run(t.Context(), []check.Check{{Kind: kind("a"), Run: func(context.Context) []check.Finding {
		panic(errors.New("index out of range"))
	}}, does("b", check.Pass)})
	f := results[0].Findings[0]
	if results[0].Status != check.Unknown || !strings.Contains(f.Summary,
		"index out of range") || !strings.Contains(strings.Join(f.Evidence, "\n"), "run_test.go") {
		t.Errorf("got %+v", f)
	}
	if results[1].Status != check.Pass {
		t.Error("the panic reached another check")
	}
}

func TestACheckThatHangsIsUnknownAndHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		freed := make(chan struct{})
		defer close(freed)
		deaf := check.Check{Kind: kind("deaf"), Timeout: time.Second, Run: func(context.Context) []check.Finding { <-freed; return nil }}
		heeds := check.Check{Kind: kind("heeds"), Run: func(ctx context.Context) []check.Finding {
			<-ctx.Done()
			return check.Undetermined(errors.New("no answer so far"), fix.Fix{})
		}}
		began := time.Now()
		results := check.Run(t.Context(), []check.Check{deaf, heeds, does("quick", check.Pass)})
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("took %s", took)
		}
		if got := statuses(results); got != "deaf=unknown heeds=unknown quick=pass" {
			t.Error(got)
		}
		if got := results[0].Findings[0].Summary; got != "check timed out after 1s" {
			t.Error(got)
		}
		if got := results[1].Findings[0].Summary; got != "no answer so far" {
			t.Error(got)
		}
	})
}

func TestTheWholeIsBoundedAndSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
		defer stop()
		freed := make(chan struct{})
		defer close(freed)
		deaf := check.Check{Kind: kind("deaf"), Run: func(context.Context) []check.Finding { <-freed; return nil }}
		if got := check.Run(ctx, []check.Check{deaf})[0].Findings[0].Summary; got != "check timed out after 2s" {
			t.Error(got)
		}
	})
}

func TestIndependentChecksRunAtOnce(t *testing.T) {
	meet := make(chan struct{})
	both := func(id string) check.Check {
		return check.Check{Kind: kind(id), Run: func(ctx context.Context) []check.Finding {
			select {
			case meet <- struct{}{}:
			case <-meet:
			case <-ctx.Done():
				return check.Undetermined(ctx.Err(), fix.Fix{})
			}
			return nil
		}}
	}
	if got := statuses(check.Run(t.Context(), []check.Check{both("a"), both("b")})); got != "a=pass b=pass" {
		t.Error(got)
	}
}

func TestFindingsLoseTheirSecrets(t *testing.T) {
	evidence := []string{"-----BEGIN RSA PRIVATE KEY-----", "MIIEpAIBAAKCAQEA", "-----END RSA PRIVATE KEY-----", "ECS_CLUSTER=prod"}
	results := check.Run(t.Context(), []check.Check{{Kind: kind("a"), Run: func(context.Context) []check.Finding {
		return []check.Finding{{Status: check.Fail, Summary: "proxy http://joe:pw@proxy:3128 refuses", Evidence: evidence,
			Fix: fix.Do("unset DB_PASSWORD=pw")}}
	}}})
	f := results[0].Findings[0]
	if f.Summary != "proxy http://[masked]@proxy:3128 refuses" || f.Fix.String() != "unset DB_PASSWORD=[masked]" ||
		!slices.Equal(f.Evidence,
			[]string{"[masked]", "[masked]", "[masked]", "ECS_CLUSTER=prod"}) {
		t.Errorf("%+v", f)
	}
	if evidence[1] != "MIIEpAIBAAKCAQEA" {
		t.Error("the check's own evidence was changed")
	}
}

// Line 1 of the answer has fewer than 120 characters, and no text is lost.
func TestALongSummaryIsCutAndKeptAsEvidence(t *testing.T) {
	long := "/etc/ecs/ecs.config:2: " + strings.Repeat("word ", 40) + "end"
	for name, f := range map[string]check.Finding{
		"a cause":          {Status: check.Fail, Summary: long},
		"an inferred one":  {Status: check.Fail, Summary: long, Confirm: "true"},
		"one of one word":  {Status: check.Fail, Summary: strings.Repeat("x", 300)},
		"what is unknown":  {Status: check.Unknown, Summary: long},
		"with other lines": {Status: check.Warn, Summary: long, Evidence: []string{"seen"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := check.Run(t.Context(), []check.Check{{Kind: kind("a"),
				Run: func(context.Context) []check.Finding { return []check.Finding{f} }}})[0].Findings[0]
			if n := utf8.RuneCountInString(got.Summary); n > 110 || !strings.HasSuffix(got.Summary, "...") || got.Evidence[0] != f.Summary {
				t.Errorf("%d runes: %q, evidence %q", n, got.Summary, got.Evidence)
			}
		})
	}
	short := check.Finding{Status: check.Fail, Summary: "short"}
	got := check.Run(t.Context(), []check.Check{{Kind: kind("a"),
		Run: func(context.Context) []check.Finding { return []check.Finding{short} }}})[0].Findings[0]
	if got.Summary != "short" || got.Evidence != nil {
		t.Errorf("a short one changed: %+v", got)
	}
}
