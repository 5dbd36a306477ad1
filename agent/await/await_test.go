package await_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"muster/agent/agentstate"
	"muster/agent/await"
	"muster/internal/term"
)

var identity = await.Requirement{ID: agentstate.NeedIdentity, What: "instance metadata", Verb: "answered"}

func board() (*await.Board, *bytes.Buffer) {
	var out bytes.Buffer
	return await.New(slog.New(term.NewHandler(&out, true))), &out
}

func TestWhatComesLateIsLoggedOnceWhenMissedAndOnceWhenItCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, journal := board()
		began, asked := time.Now(), []time.Time{}
		err := b.Until(t.Context(), identity, func(context.Context) error {
			asked = append(asked, time.Now())
			switch {
			case time.Since(began) > 3*time.Hour:
				return nil
			case len(asked) > 1 && len(b.List()) != 1:
				t.Fatalf("missing and not listed: %+v", b.List())
			}
			return fmt.Errorf("attempt %d: connection refused", len(asked))
		})
		if err != nil || len(b.List()) != 0 {
			t.Errorf("%v, %+v", err, b.List())
		}
		if n := strings.Count(journal.String(), "\n"); n != 2 ||
			!strings.Contains(journal.String(), "waiting for instance metadata: attempt 1: connection refused") ||
			!strings.Contains(journal.String(), "instance metadata answered after 3h") {
			t.Errorf("the journal: %s", journal)
		}
		for i := 1; i < len(asked); i++ {
			if pause := asked[i].Sub(asked[i-1]); pause > time.Minute || i == 1 && pause > time.Second {
				t.Errorf("pause %d is %s", i, pause)
			}
		}
		if len(asked) < 180 || len(asked) > 1000 { // the average is 30 s; more would be a busy loop
			t.Errorf("asked %d times in 3 h", len(asked))
		}
	})
}

func TestWhatIsThereAtOnceIsNotLogged(t *testing.T) {
	b, journal := board()
	if err := b.Until(t.Context(), identity, func(context.Context) error { return nil }); err != nil || journal.Len() > 0 {
		t.Errorf("%v, %s", err, journal)
	}
}

func TestTheEndOfTheAgentEndsTheWaitAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := board()
		ctx, stop := context.WithTimeout(t.Context(), 90*time.Second)
		defer stop()
		began := time.Now()
		err := b.Until(ctx, identity, func(context.Context) error { return errors.New("no") })
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 90*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}

func TestWhatTheAgentWorksWithoutIsNoProblem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, journal := board()
		asked := 0
		err := b.Until(t.Context(), identity, func(context.Context) error {
			if asked++; asked < 5 {
				return fmt.Errorf("%w: not there", await.ErrOptional)
			}
			return nil
		})
		if err != nil || asked != 5 || journal.Len() > 0 || len(b.List()) > 0 {
			t.Errorf("%v, asked %d times: %s", err, asked, journal)
		}
	})
}

func TestOurOwnLimitIsNamedAsOurs(t *testing.T) {
	b, _ := board()
	b.Missing(identity, os.NewSyscallError("socket", syscall.EMFILE))
	s := agentstate.State{Waiting: b.List(), Docker: agentstate.Docker{Reachable: true}}
	p := s.Problems(time.Now())[0]
	if p.ID != "muster-identity" || p.Warning || !strings.Contains(strings.Join(p.Why, ""),
		"unknown: this process is out of file descriptors") || !strings.Contains(p.Fix.String(), "LimitNOFILE") {
		t.Errorf("%+v", p)
	}
}
