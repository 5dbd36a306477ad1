package agent

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"muster/internal/awsapi"
)

// attributes records the calls of PutAttribute, and fails until a time.
type attributes struct {
	calls []string
	until time.Time
}

func (a *attributes) PutAttribute(_ context.Context, cluster, arn, name, value string) error {
	if time.Now().Before(a.until) {
		a.calls = append(a.calls, "denied")
		return errors.New("ecs:PutAttributes is not allowed")
	}
	a.calls = append(a.calls, strings.Join([]string{cluster, arn, name, value}, " "))
	return nil
}

// registered answers with the EC2 instance of the ARN.
type registered string

func (r registered) ContainerInstance(_ context.Context, _, arn string) (awsapi.ContainerInstance, error) {
	return awsapi.ContainerInstance{ARN: arn, EC2InstanceID: string(r), Status: "ACTIVE", Connected: true}, nil
}

func (registered) RegisteredInstances(context.Context, string) (int, error) { return 3, nil }

func TestTheVersionIsPublishedOnceECSHasConfirmedTheInstance(t *testing.T) {
	for name, c := range map[string]struct {
		version string
		ec2     registered
		off     bool          // --publish-version is not set
		waits   bool          // the agent is provisional
		denied  time.Duration // since the start
		want    []string
		logged  string
	}{
		"once": {version: "1.2.0", ec2: "i-1", want: []string{"prod arn:1 muster.version 1.2.0"},
			logged: "set attribute muster.version=1.2.0 of this container instance"},
		// API reference, Attribute: the value may contain letters, numbers, - _ . @ / \\ : and blanks.
		"characters that ECS refuses": {version: "1.2.0-3-gabc+dirty", ec2: "i-1", want: []string{"prod arn:1 muster.version 1.2.0-3-gabc-dirty"},
			logged: "muster.version=1.2.0-3-gabc-dirty"},
		"another instance": {version: "1.2.0", ec2: "i-2"},
		"not asked for":    {version: "1.2.0", ec2: "i-1", off: true},
		"provisional":      {version: "1.2.0", ec2: "i-1", waits: true},
		"not allowed at first": {version: "1.2.0", ec2: "i-1", denied: 90 * time.Minute,
			want:   []string{"denied", "denied", "prod arn:1 muster.version 1.2.0"},
			logged: "attribute muster.version was not set: ecs:PutAttributes is not allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				put := &attributes{until: time.Now().Add(c.denied)}
				s.Version, s.Provisional, s.Registration.ECS = c.version, c.waits, c.ec2
				if !c.off {
					s.Attributes = put
				}
				s.live(t, 3*time.Hour)
				if !slices.Equal(put.calls, c.want) {
					t.Errorf("calls %q, want %q", put.calls, c.want)
				}
				if n := strings.Count(s.journal.String(), c.logged); c.logged != "" && n != 1 {
					t.Errorf("%q is logged %d times:\n%s", c.logged, n, s.journal.String())
				}
			})
		})
	}
}
