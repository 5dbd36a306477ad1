package agent

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"muster/agent/announce"
	"muster/agent/containers"
	"muster/agent/leaving"
	"muster/agent/registration"
)

// kinds returns the kinds of the announced events.
func (s *stage) kinds() string {
	var all []string
	for _, e := range s.events {
		all = append(all, string(e.Kind))
	}
	return strings.Join(all, " ")
}

func TestADepartureIsAnnouncedOnceAndAStopIsNone(t *testing.T) {
	const target = "autoscaling/target-lifecycle-state"
	for name, c := range map[string]struct {
		play  func(*stage)
		want  string // kinds of the events
		text  string // part of the last event's reason
		quiet bool   // the journal contains only the registration
	}{
		"the agent is upgraded": {func(*stage) {}, "", "", true},
		"scaled in":             {func(s *stage) { s.setMetadata(target, "Terminated") }, "leaving", "scale-in: ", true},
		"a spot instance": {func(s *stage) {
			s.setMetadata("spot/instance-action", `{"action":"stop","time":"2026-09-18T08:22:00Z"}`)
		}, "leaving", "spot: ", true},
		"the system shuts down":   {func(s *stage) { s.stopping = true }, "leaving", "shutdown: ", true},
		"scaled in and shut down": {func(s *stage) { s.stopping = true; s.setMetadata(target, "Terminated") }, "leaving", "scale-in: ", true},
		"it stays after all": {func(s *stage) {
			s.setMetadata(target, "Terminated")
			time.AfterFunc(3*time.Minute, func() { s.setMetadata(target, "InService") })
		}, "leaving", "scale-in: ", false},
		"no metadata service": {func(s *stage) { s.metadata = nil }, "", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				c.play(s)
				s.live(t, 10*time.Minute)
				if got := s.kinds(); got != c.want {
					t.Errorf("announced %q", got)
				}
				if n := len(s.events); n > 0 && !strings.HasPrefix(s.events[n-1].Reason, c.text) {
					t.Errorf("the reason is %q", s.events[n-1].Reason)
				}
				if lines := strings.Count(s.journal.String(), "\n"); (lines == 1) != c.quiet || lines > 2 {
					t.Errorf("the journal: %s", s.journal.String())
				}
			})
		})
	}
}

func TestLeavingIsOneFromTheMinuteInWhichItIsKnown(t *testing.T) {
	const target = "autoscaling/target-lifecycle-state"
	for name, c := range map[string]struct {
		play func(*stage)
		want []float64 // of each minute
	}{
		"the agent is upgraded": {func(*stage) {}, []float64{0, 0, 0, 0, 0}},
		"scaled in": {func(s *stage) {
			time.AfterFunc(90*time.Second, func() { s.setMetadata(target, "Terminated") })
		}, []float64{0, 1, 1, 1, 1}},
		"the system shuts down": {func(s *stage) { s.stopping = true }, []float64{0, 0, 0, 0, 1}},
		"it stays after all": {func(s *stage) {
			time.AfterFunc(90*time.Second, func() { s.setMetadata(target, "Terminated") })
			time.AfterFunc(210*time.Second, func() { s.setMetadata(target, "InService") })
		}, []float64{0, 1, 1, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, "WATCH_PERIOD", "10s")
				c.play(s)
				s.live(t, 270*time.Second)
				if got := s.published(t, "Leaving"); !slices.Equal(got, c.want) {
					t.Errorf("Leaving is %v, not %v", got, c.want)
				}
			})
		})
	}
}

func TestALostRegistrationIsAnnouncedUnlessTheInstanceLeaves(t *testing.T) {
	for name, c := range map[string]struct {
		target, want string
		registered   bool // whether the metric is published
	}{
		"in service": {"InService", "registration-lost", true},
		"scaled in":  {"Terminated", "leaving", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				s.setMetadata("autoscaling/target-lifecycle-state", c.target)
				time.AfterFunc(90*time.Second, func() {
					s.mu.Lock()
					defer s.mu.Unlock()
					s.lost = true
				})
				s.live(t, 20*time.Minute)
				if got := s.kinds(); got != c.want {
					t.Errorf("announced %q", got)
				}
				last := s.minutes[len(s.minutes)-1]
				value, there := valueOf(last, "Registered", "ClusterName=prod")
				if there != c.registered || value != 0 {
					t.Errorf("Registered is %v, %v", value, there)
				}
			})
		})
	}
}

func TestTheKindsOfATransitionAreThoseOfAnEvent(t *testing.T) {
	for from, to := range map[containers.Kind]announce.Kind{
		containers.TurnedUnhealthy: announce.Unhealthy, containers.Recovered: announce.Recovered, containers.OOM: announce.OutOfMemory,
		containers.ChildOOM: announce.ChildOutOfMemory, containers.StartFailed: announce.StartFailed,
		containers.CrashLoop: announce.CrashLoop, containers.CrashLoopOver: announce.CrashLoopOver,
	} {
		if string(from) != string(to) {
			t.Errorf("%s is announced as %s", from, to)
		}
	}
}

func TestACrashIsForTheJournalAndSoIsDocker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.shared.changed = make(chan struct{}, 1)
		for _, kind := range []containers.Kind{containers.Crash, containers.DockerLost, containers.DockerRegained} {
			s.reportTransition(containers.Transition{At: time.Now(), Kind: kind, Container: containers.Identity{Name: "web-1"}, Detail: "ended"})
		}
		if len(s.events) != 0 || len(s.shared.recent) != 3 || strings.Count(s.journal.String(), "ended container=web-1") != 1 {
			t.Errorf("%v, %v, %s", s.events, s.shared.recent, s.journal.String())
		}
	})
}

func TestAHangupReadsTheConfigurationAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.Healer = &registration.Healer{Log: s.Log}
		s.Ports = func(context.Context) (Ports, error) { return Ports{Known: true}, nil }
		fresh := newStage(t, "ROOT", s.Settings.Root, "CLUSTER", "staging", "UNHEALTHY_AFTER", "1h", "NAMESPACE", "Other").Settings
		answers := []error{errors.New("/etc/muster/muster.env:2: no"), nil, nil}
		s.Reload = func() (Settings, error) {
			err := answers[0]
			answers = answers[1:]
			return Settings{fresh.Config, fresh.Config.Cluster}, err
		}
		go func() {
			for range cap(answers) {
				<-time.After(time.Minute)
				s.hangup <- os.Signal(syscall.SIGHUP)
			}
		}()
		s.live(t, 10*time.Minute)
		journal := s.journal.String()
		for text, times := range map[string]int{
			"is unchanged: /etc/muster/muster.env:2: no":                                      1,
			"MUSTER_CLUSTER is now staging":                                                   1,
			"the replication ports of the previous cluster are checked until the next start":  1,
			"MUSTER_NAMESPACE takes effect at the next start: systemctl restart muster-agent": 2,
		} {
			if strings.Count(journal, text) != times {
				t.Errorf("%q is not said %d times in %s", text, times, journal)
			}
		}
		if s.kinds() != "registration-lost" {
			t.Errorf("in another cluster than now wanted: %q", s.kinds())
		}
		if s.Healer.After != time.Hour || s.Registration.MaxInterval != 15*time.Minute || s.Settings.Namespace != "Muster" {
			t.Errorf("after %s, hurry %s, namespace %s", s.Healer.After, s.Registration.MaxInterval, s.Settings.Namespace)
		}
	})
}

func TestPortsAreToldWhenTheyCloseAndOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, "PORTS", "ignite2")
		looks := 0
		s.Ports = func(context.Context) (Ports, error) {
			looks++
			switch {
			case looks == 2:
				return Ports{}, errors.New("ec2:DescribeSecurityGroups is not allowed")
			case looks < 5:
				return Ports{Known: true, Blocked: 3, First: "47500 is closed", Remedy: "aws ec2 authorize"}, nil
			}
			return Ports{Known: true}, nil
		}
		s.live(t, 8*time.Hour)
		journal := s.journal.String()
		if looks < 5 || looks > 12 || strings.Count(journal, "47500 is closed") != 1 || strings.Count(journal, "open again") != 1 ||
			strings.Count(journal, "is not allowed") != 1 {
			t.Errorf("%d looks: %s", looks, journal)
		}
		blocked, unknown := 0, 0
		for _, m := range s.minutes {
			switch value, there := valueOf(m, "BlockedPorts", "ClusterName=prod"); {
			case !there:
				unknown++
			case value == 3:
				blocked++
			}
		}
		if blocked == 0 || unknown == 0 {
			t.Errorf("%d minutes blocked, %d unknown", blocked, unknown)
		}
	})
}

func TestStaysIsNoReason(t *testing.T) {
	if (&Agent{}).leaves() || !(&Agent{loop: loopState{departure: leaving.Notice{Reason: leaving.Spot}}}).leaves() {
		t.Error("it does not know whether it leaves")
	}
}

func TestTransitionsMayComeWhileTheLoopLooksAndReloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, "PORTS", "ignite2")
		s.Ports = func(context.Context) (Ports, error) { return Ports{Known: true}, nil }
		s.Reload = func() (Settings, error) { return Settings{s.Settings.Config, "prod"}, nil }
		go func() {
			for range 10 { // as soon as the loop has set its timer, both become ready at once
				<-time.After(time.Minute)
				go func() { s.hangup <- os.Signal(syscall.SIGHUP) }()
				s.transitions <- containers.Transition{At: time.Now(), Kind: containers.Recovered, Container: containers.Identity{Name: "web-1"}}
			}
		}()
		s.live(t, 20*time.Minute)
		if n := strings.Count(s.kinds(), "recovered"); n != 10 {
			t.Errorf("%d of 10 announced", n)
		}
	})
}

func TestTheGoodbyeEndsWithinFiveSecondsWhoeverHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.deaf = true
		const lived = 90 * time.Second
		began := time.Now()
		s.live(t, lived)
		if took := time.Since(began) - lived; took > 5*time.Second || s.flushed != 1 {
			t.Errorf("it took %s, and flushed %d times", took, s.flushed)
		}
	})
}
