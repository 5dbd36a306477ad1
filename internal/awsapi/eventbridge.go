package awsapi

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

// Limits of PutEvents (EventBridge quotas). The size is for all entries together. AWS documents 256 KB for some
// partitions and 1 MB for others, so this is the smaller value.
const (
	MaxEvents    = 10
	MaxEventSize = 256_000
)

// Event is one entry of PutEvents. Detail is a JSON object.
type Event struct {
	Source, DetailType, Detail string
	Resources                  []string // ARNs
	Time                       time.Time
}

// PutEvents sends up to MaxEvents events to a bus, by name or ARN. It makes only one attempt. The call can succeed
// although the bus rejects some events: taken[i] is nil if event i was accepted, or otherwise an *Error.
func (c *Client) PutEvents(ctx context.Context, bus string, events []Event) (taken []error, err error) {
	const action = "events:PutEvents"
	entries := make([]types.PutEventsRequestEntry, len(events))
	for i := range events {
		e := &events[i]
		entries[i] = types.PutEventsRequestEntry{
			EventBusName: &bus,
			Source:       &e.Source,
			DetailType:   &e.DetailType,
			Detail:       &e.Detail,
			Resources:    e.Resources,
			Time:         &e.Time,
		}
	}
	out, err := c.events.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: entries}, func(o *eventbridge.Options) { o.Retryer = c.once })
	if err != nil {
		return nil, named(action, err)
	}
	if len(out.Entries) != len(events) {
		return nil, named(action, fmt.Errorf("%d events were sent, and the response has results for %d", len(events), len(out.Entries)))
	}
	taken = make([]error, len(events))
	for i, entry := range out.Entries {
		if entry.ErrorCode != nil {
			taken[i] = coded(action, *entry.ErrorCode, aws.ToString(entry.ErrorMessage))
		}
	}
	return taken, nil
}
