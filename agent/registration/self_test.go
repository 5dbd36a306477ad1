package registration_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"muster/agent/registration"
	"muster/internal/awsapi"
	"muster/internal/host/ecsagent"
	"muster/internal/term"
)

const (
	ownARN   = "arn:aws:ecs:eu-west-1:123456789012:container-instance/prod/0a"
	peersARN = "arn:aws:ecs:eu-west-1:123456789012:container-instance/prod/0b"
)

// instance returns a Watch with this instance's identity.
func instance(w *world, changes *[]string) *registration.Watch {
	w.begin = time.Now()
	var out bytes.Buffer
	return &registration.Watch{Agent: w, ECS: w, Expected: "prod", Log: slog.New(term.NewHandler(&out, true)),
		Self: registration.Self{InstanceID: self, Region: "eu-west-1", Account: "123456789012"},
		Changed: func(c registration.Change) {
			*changes = append(*changes, fmt.Sprintf("%s -> %s", c.Was, c.Is))
		}}
}

// While the ECS agent is down, any local user can listen on 51678 and return an ARN that is not this instance's.
func TestAnAnswerForAnotherInstanceIsLostAtOnceAndIsNotUsed(t *testing.T) {
	for name, c := range map[string]struct {
		meta ecsagent.Metadata
		want string // part of the reason
	}{
		"another account": {ecsagent.Metadata{Cluster: "prod", ContainerInstanceARN: strings.Replace(ownARN, "123456789012",
			"999999999999", 1)}, `belongs to account "999999999999"`},
		"another region": {ecsagent.Metadata{Cluster: "prod", ContainerInstanceARN: strings.Replace(ownARN, "eu-west-1", "us-east-1",
			1)}, `is in region "us-east-1"`},
		"no ARN at all": {ecsagent.Metadata{Cluster: "prod", ContainerInstanceARN: "anything"},
			"is not the ARN of an ECS container-instance"},
		"a cluster of another one": {ecsagent.Metadata{Cluster: "arn:aws:ecs:eu-west-1:999999999999:cluster/prod", ContainerInstanceARN: ownARN},
			`belongs to account "999999999999"`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var changes []string
				w := &world{local: always(c.meta)}
				watch := instance(w, &changes)
				for range 60 {
					s := watch.Update(context.Background())
					if s.State != registration.Lost || !strings.Contains(s.Why, "port 51678 responds for another instance") ||
						!strings.Contains(s.Why, c.want) ||
						s.ARN != "" ||
						s.Cluster != "" {
						t.Fatalf("%+v", s)
					}
					<-time.After(time.Minute)
				}
				if len(w.asked) > 0 || len(changes) != 1 {
					t.Errorf("ECS was asked %d times about it; %v", len(w.asked), changes)
				}
			})
		})
	}
}

// A peer's ARN has the right account and region. Only ECS knows which instance it belongs to.
func TestAPeersRegistrationNeverCountsForThisInstance(t *testing.T) {
	for name, peer := range map[string]awsapi.ContainerInstance{
		"disconnected": {Status: "ACTIVE", EC2InstanceID: "i-0peer"},
		"draining":     {Status: "DRAINING", EC2InstanceID: "i-0peer", Connected: true},
		"well":         {Status: "ACTIVE", EC2InstanceID: "i-0peer", Connected: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var changes []string
				w := &world{
					local: func(minute int) (ecsagent.Metadata, error) {
						if minute >= 60 && minute < 120 {
							return ecsagent.Metadata{Cluster: "prod", ContainerInstanceARN: peersARN}, nil
						}
						return ecsagent.Metadata{Cluster: "prod", ContainerInstanceARN: ownARN}, nil
					},
					ecs: func(minute int) (awsapi.ContainerInstance, error) {
						if minute >= 60 && minute < 120 {
							return peer, nil
						}
						return awsapi.ContainerInstance{Status: "ACTIVE", EC2InstanceID: self, Connected: true}, nil
					},
				}
				watch := instance(w, &changes)
				for minute := range 200 {
					s := watch.Update(context.Background())
					if minute > 62 && minute < 120 {
						if s.State != registration.Lost || s.ECS.Known() || s.ECS.Off != 0 ||
							!strings.Contains(s.Why, "ECS has "+peersARN+" as i-0peer, and this is "+self) {
							t.Fatalf("minute %d: %+v", minute, s)
						}
					}
					<-time.After(time.Minute)
				}
				if got := strings.Join(changes, ", "); got != "unknown -> registered, registered -> lost, lost -> registered" {
					t.Error(got)
				}
			})
		})
	}
}

// Without a free descriptor no request can be sent. That does not mean that the registration is lost.
func TestOurOwnLimitIsNoAbsence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var changes []string
		w := &world{local: func(minute int) (ecsagent.Metadata, error) {
			if minute >= 10 && minute < 40 {
				return ecsagent.Metadata{}, fmt.Errorf("nothing listens: %w", os.NewSyscallError("socket", syscall.EMFILE))
			}
			if minute == 40 {
				return ecsagent.Metadata{}, errDown // for a moment: the time before does not count
			}
			return ecsagent.Metadata{Cluster: "prod", ContainerInstanceARN: ownARN}, nil
		}}
		watch := instance(w, &changes)
		for minute := range 60 {
			s := watch.Update(context.Background())
			if minute == 30 &&
				(s.State != registration.Unknown || s.Why != "this process is out of file descriptors, so it could not query the ECS agent") {
				t.Errorf("%+v", s)
			}
			<-time.After(time.Minute)
		}
		if got := strings.Join(changes, ", "); got != "unknown -> registered, registered -> unknown, unknown -> registered" {
			t.Error(got)
		}
	})
}
