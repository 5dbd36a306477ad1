// Package leaving detects that this instance is about to leave: it is scaled in, returned to its warm pool, interrupted
// as a spot instance, or drained. It queries the metadata service, which is local and free. Other packages decide how
// that affects metrics and events.
//
// A rebalance recommendation does not count, because the instance may stay.
package leaving

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Reason is why an instance leaves.
type Reason string

// Reasons.
const (
	NotLeaving Reason = ""
	ScaleIn    Reason = "scale-in"
	WarmPool   Reason = "warm-pool"
	Spot       Reason = "spot"
	Draining   Reason = "draining"
	Shutdown   Reason = "shutdown" // the system shuts down: a user, a schedule or a reboot
)

// Notice describes a departure.
type Notice struct {
	Reason Reason `json:"reason,omitempty"`
	Text   string `json:"text,omitempty"` // description of the departure, as a sentence
}

// Metadata reads paths below /latest/meta-data/.
type Metadata interface {
	Metadata(ctx context.Context, path string) (value string, ok bool, err error)
}

// Detect checks whether the instance is about to leave. status is the container instance's status in ECS, or empty if
// unknown. It is used even if the metadata service does not respond. An error means that the state is unknown.
func Detect(ctx context.Context, imds Metadata, status string) (Notice, error) {
	notice, err := fromMetadata(ctx, imds)
	if notice.Reason == NotLeaving && (status == "DRAINING" || status == "DEREGISTERING") {
		return Notice{Draining, "ECS reports this container instance as " + status}, nil
	}
	return notice, err
}

func fromMetadata(ctx context.Context, imds Metadata) (Notice, error) {
	target, _, err := imds.Metadata(ctx, "autoscaling/target-lifecycle-state")
	if err != nil {
		return Notice{}, err
	}
	switch target = strings.TrimSpace(target); {
	case target == "Terminated":
		return Notice{ScaleIn, "the Auto Scaling group is terminating this instance"}, nil
	case strings.HasPrefix(target, "Warmed:"):
		return Notice{WarmPool, "the Auto Scaling group is returning this instance to its warm pool: " + target}, nil
	}
	action, there, err := imds.Metadata(ctx, "spot/instance-action")
	if err != nil || !there {
		return Notice{}, err
	}
	return spot(action)
}

// spot parses {"action": "terminate", "time": "2026-09-18T08:22:00Z"}. The action can also be stop or hibernate (EC2
// user guide, "Spot Instance interruption notices").
func spot(text string) (Notice, error) {
	var is struct {
		Action string    `json:"action"`
		Time   time.Time `json:"time"`
	}
	if err := json.Unmarshal([]byte(text), &is); err != nil {
		return Notice{}, fmt.Errorf("spot/instance-action in the instance metadata is %+.80q: %w", text, err)
	}
	switch is.Action {
	case "terminate", "stop", "hibernate":
		return Notice{Spot, "EC2 is reclaiming this spot instance: " + is.Action + " at " + is.Time.UTC().Format(time.RFC3339)}, nil
	}
	return Notice{}, fmt.Errorf("spot/instance-action in the instance metadata is %+.80q, which has no known action", text)
}
