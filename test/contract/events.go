package contract

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

func eventClauses() []clause {
	return []clause{
		{"PutEvents accepts ten events and returns an id for each", tenEvents},
		{"PutEvents rejects eleven events", elevenEvents},
		{"PutEvents returns a result for each entry", oneBadEvent},
	}
}

func entry(detail string) types.PutEventsRequestEntry {
	return types.PutEventsRequestEntry{Source: aws.String("muster"), DetailType: aws.String("Contract"), Detail: &detail}
}

func (c *clients) announce(ctx context.Context, details ...string) (*eventbridge.PutEventsOutput, error) {
	var in eventbridge.PutEventsInput
	for _, d := range details {
		in.Entries = append(in.Entries, entry(d))
	}
	return c.events.PutEvents(ctx, &in)
}

func tenEvents(ctx context.Context, c *clients) error {
	out, err := c.announce(ctx, "{}", "{}", "{}", "{}", "{}", "{}", "{}", "{}", "{}", "{}")
	if err != nil {
		return err
	}
	for i, e := range out.Entries {
		if deref(e.EventId) == "" {
			return fmt.Errorf("entry %d has no id", i)
		}
	}
	return want("entries", len(out.Entries), 10)
}

func elevenEvents(ctx context.Context, c *clients) error {
	_, err := c.announce(ctx, "{}", "{}", "{}", "{}", "{}", "{}", "{}", "{}", "{}", "{}", "{}")
	return wantCode(err, "ValidationException")
}

func oneBadEvent(ctx context.Context, c *clients) error {
	out, err := c.announce(ctx, "{}", "{", "{}")
	if err != nil {
		return err
	}
	if len(out.Entries) != 3 || out.FailedEntryCount != 1 || deref(out.Entries[2].EventId) == "" {
		return fmt.Errorf("%d entries, %d failed", len(out.Entries), out.FailedEntryCount)
	}
	return want("code", deref(out.Entries[1].ErrorCode), "MalformedDetail")
}
