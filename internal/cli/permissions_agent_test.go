package cli

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"muster/agent/registration"
	"muster/internal/awsapi"
	"muster/internal/host/ecsagent"
	"muster/internal/host/imds"
	"muster/internal/sandbox"
	"muster/internal/term"
)

// considered returns the healer's decision for an instance that has been disconnected from ECS for longer than the
// configured time.
func considered(t *testing.T, s *sandbox.Sandbox) string {
	t.Helper()
	var said bytes.Buffer
	api := awsapi.FromConfig(s.AWSConfig())
	healer := registration.Healer{
		After: time.Hour, MaxShare: 50, InstanceID: "i-0123456789abcdef0", Group: api, ClusterInstances: api,
		Lifecycle: imds.New(s.IMDSURL(), 2*time.Second), Log: slog.New(term.NewHandler(&said, true)),
	}
	now := time.Now()
	healer.Evaluate(t.Context(), registration.Snapshot{State: registration.Disconnected, Cluster: "prod",
		ECS: registration.ECSStatus{At: now, EC2: "i-0123456789abcdef0", Status: "ACTIVE", Off: 3, OffSince: now.Add(-2 * time.Hour)}})
	return said.String()
}

// account is the ECS agent's response, and answer is the ECS API's.
type (
	account ecsagent.Metadata
	answer  struct {
		said    awsapi.ContainerInstance
		err     error
		sizeErr error
	}
)

func (a account) Metadata(context.Context) (ecsagent.Metadata, error) {
	return ecsagent.Metadata(a), nil
}

func (a answer) ContainerInstance(context.Context, string, string) (awsapi.ContainerInstance, error) {
	return a.said, a.err
}

func (a answer) RegisteredInstances(context.Context, string) (int, error) { return 10, a.sizeErr }

// heard returns what the agent knows about its registration after forty minutes, with the sandbox's responses to its
// calls to ECS.
func heard(t *testing.T, s *sandbox.Sandbox) string {
	t.Helper()
	arn := s.AddContainerInstance(
		"prod",
		sandbox.ContainerInstance{EC2InstanceID: "i-0123456789abcdef0", Status: "ACTIVE", AgentConnected: true},
	)
	api := awsapi.FromConfig(s.AWSConfig())
	said, err := api.ContainerInstance(t.Context(), "prod", arn)
	_, sizeErr := api.RegisteredInstances(t.Context(), "prod")
	var out bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		watch := registration.Watch{
			Agent: account{Cluster: "prod", ContainerInstanceARN: arn}, ECS: answer{said, err, sizeErr}, Expected: "prod",
			Changed: func(registration.Change) {}, Log: slog.New(term.NewHandler(&out, true)),
		}
		var is registration.Snapshot
		for range 40 {
			is = watch.Update(t.Context())
			<-time.After(time.Minute) // the bubble's time
		}
		fmt.Fprintf(&out, "%v, connected %t, which is known %t", is.State, is.ECS.Connected, is.ECS.Known())
	})
	return out.String()
}
