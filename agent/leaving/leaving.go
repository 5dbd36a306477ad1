// Package leaving sees that this instance is about to go: scaled in, sent back to
// its warm pool, interrupted as a spot instance, drained. It asks the metadata
// service, which is on this host and free. What a departure means for metrics and
// events is not decided here.
//
// A rebalance recommendation is no departure: the instance may stay for good.
package leaving

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Reason is why an instance goes.
type Reason string

// The reasons.
const (
	Stays    Reason = ""
	ScaleIn  Reason = "scale-in"
	WarmPool Reason = "warm-pool"
	Spot     Reason = "spot"
	Draining Reason = "draining"
	Shutdown Reason = "shutdown" // the system stops: a person, a schedule, a reboot
)

// Notice is what is known of a departure.
type Notice struct {
	Reason Reason `json:"reason,omitempty"`
	Text   string `json:"text,omitempty"` // a sentence about it
}

// Metadata reads below /latest/meta-data/.
type Metadata interface {
	Metadata(ctx context.Context, path string) (value string, ok bool, err error)
}

// Look asks whether the instance is about to go. Status is what ECS said of the
// container instance, if it did; it counts also where the metadata service does
// not answer. An error says that it is not known.
func Look(ctx context.Context, imds Metadata, status string) (Notice, error) {
	notice, err := fromMetadata(ctx, imds)
	if notice.Reason == Stays && (status == "DRAINING" || status == "DEREGISTERING") {
		return Notice{Draining, "ECS has this container instance as " + status}, nil
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
		return Notice{ScaleIn, "the Auto Scaling group terminates this instance"}, nil
	case strings.HasPrefix(target, "Warmed:"):
		return Notice{WarmPool, "the Auto Scaling group takes this instance to its warm pool: " + target}, nil
	}
	action, there, err := imds.Metadata(ctx, "spot/instance-action")
	if err != nil || !there {
		return Notice{}, err
	}
	return spot(action)
}

// spot reads {"action": "terminate", "time": "2026-09-18T08:22:00Z"}; the action
// may also be stop or hibernate (EC2 user guide, "Spot Instance interruption
// notices").
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
		return Notice{Spot, "EC2 takes this spot instance back: " + is.Action + " at " + is.Time.UTC().Format(time.RFC3339)}, nil
	}
	return Notice{}, fmt.Errorf("spot/instance-action in the instance metadata is %+.80q, with no action that is known", text)
}
