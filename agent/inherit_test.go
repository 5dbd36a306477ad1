package agent

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"muster/agent/agentstate"
	"muster/agent/announce"
	"muster/agent/await"
	"muster/agent/containers"
)

// until runs the agent, and sends on Again after d.
func (s *stage) until(t *testing.T, d time.Duration) {
	t.Helper()
	again := make(chan struct{})
	s.Again = again
	time.AfterFunc(d, func() { close(again) })
	s.heard = time.Now()
	if !s.Run(t.Context()) {
		t.Fatal("it ended, and not for another one")
	}
}

// The metadata service responds after an hour. What was counted until then is published with the first minute, and what
// was announced is sent to the bus.
func TestWhatAProvisionalAgentKnowsIsInherited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		early := newStage(t)
		early.Provisional, early.Publisher, early.InstanceID, early.Waits = true, nil, "", await.New(early.Log)
		early.Waits.Missing(await.Requirement{ID: agentstate.NeedIdentity, What: "instance metadata"}, errors.New("connection refused"))
		early.totals = containers.Totals{Docker: true, Series: []containers.Counts{{Key: web(""), Counters: containers.Counters{Crashes: 2}}}}
		time.AfterFunc(30*time.Minute, func() {
			if is := early.stateFile(t); len(is.Waiting) != 1 || is.Waiting[0].ID != agentstate.NeedIdentity ||
				is.Problems(time.Now())[0].ID != "muster-identity" {
				t.Errorf("the state file does not name what is missing: %+v", is)
			}
			early.transitions <- containers.Transition{At: time.Now(), Kind: containers.OOM, Container: containers.Identity{Name: "web-1"},
				Detail: "killed"}
		})
		early.until(t, time.Hour)
		if len(early.minutes) > 0 || slices.Contains(early.notified, stateStopping) || early.stateFile(t).Started.IsZero() {
			t.Errorf("it published, or said goodbye: %v", early.notified)
		}

		late := newStage(t, "ROOT", early.Settings.Root)
		late.Inherit(early.Agent)
		late.live(t, 3*time.Minute)
		crashes, _ := valueOf(late.minutes[0], "Crashes", "ClusterName=prod")
		if more, _ := valueOf(late.minutes[1], "Crashes", "ClusterName=prod"); crashes != 2 || more != 0 {
			t.Errorf("published %v crashes, then %v", crashes, more)
		}
		if slices.Contains(late.notified, stateReady) {
			t.Error("ready twice")
		}
		if len(late.forwarded) != 1 || late.forwarded[0].Kind != announce.OutOfMemory || late.forwarded[0].Instance != "i-1" {
			t.Errorf("forwarded %+v", late.forwarded)
		}
	})
}

// An agent that ends a second after its start has not learned the services of all tasks.
func TestWhatWaitsForItsServiceIsCountedAtTheEnd(t *testing.T) {
	crash := []containers.Counts{{Key: web(""), Counters: containers.Counters{Crashes: 1}}}
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.unresolved = slices.Clone(crash)
		s.live(t, time.Second)
		if got, _ := valueOf(s.minutes[len(s.minutes)-1], "Crashes", "ClusterName=prod"); got != 1 {
			t.Errorf("published %v crashes at the stop", got)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		early := newStage(t)
		early.Provisional, early.Publisher, early.InstanceID = true, nil, ""
		early.unresolved = slices.Clone(crash)
		early.until(t, time.Second)
		late := newStage(t, "ROOT", early.Settings.Root)
		late.Inherit(early.Agent)
		late.live(t, time.Minute)
		if got, _ := valueOf(late.minutes[0], "Crashes", "ClusterName=prod"); got != 1 {
			t.Errorf("the next agent published %v crashes", got)
		}
	})
}

func TestAStateFileThatHasMovedIsNotLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		early := newStage(t)
		early.until(t, time.Minute)
		late := newStage(t, "ROOT", early.Settings.Root, "AGENT_STATE", "/run/other.json")
		late.Inherit(early.Agent)
		if _, err := agentstate.Read(early.Settings.Path(early.Settings.AgentState)); !errors.Is(err, agentstate.ErrNoAgent) {
			t.Errorf("%v", err)
		}
	})
}

func TestTheEndOfTheAgentGoesBeforeAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		again := make(chan struct{}, 1)
		s.Again = again
		ctx, stop := context.WithCancel(t.Context())
		stop()
		again <- struct{}{}
		if s.Run(ctx) {
			t.Error("another one was to follow a SIGTERM")
		}
	})
}

// Without READY=1, systemd would leave the unit in the state "activating".
func TestReadyIsSaidUntilSystemdTakesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.refusals = 20
		time.AfterFunc(3*time.Second, func() {
			if is := s.stateFile(t); len(is.Waiting) != 1 || is.Waiting[0].ID != agentstate.NeedSystemd {
				t.Errorf("%+v", is.Waiting)
			}
		})
		s.live(t, 2*time.Minute)
		if n := len(s.Waits.List()); n > 0 || !slices.Contains(s.notified, stateReady) {
			t.Errorf("%d waits, %v", n, s.notified)
		}
		if j := s.journal.String(); strings.Count(j, "waiting for systemd") != 1 || strings.Count(j, "systemd answered after") != 1 {
			t.Error(j)
		}
	})
}

func TestADockerThatCannotBeAskedForOurOwnSakeIsNotPublishedAsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.seen = containers.Snapshot{Listed: time.Now(), Why: "unknown", Limit: "this process is out of file descriptors"}
		s.live(t, 2*time.Minute)
		if _, there := valueOf(s.minutes[0], "DockerReachable", "ClusterName=prod"); there {
			t.Error("DockerReachable is published")
		}
	})
}
