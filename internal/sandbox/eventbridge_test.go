package sandbox_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"muster/internal/sandbox"
)

func bus(s *sandbox.Sandbox) *eventbridge.Client {
	return eventbridge.NewFromConfig(s.AWSConfig(), func(o *eventbridge.Options) { o.RetryMaxAttempts = 1 })
}

func entries(n int, detail string) []types.PutEventsRequestEntry {
	out := make([]types.PutEventsRequestEntry, n)
	for i := range out {
		out[i] = types.PutEventsRequestEntry{Source: aws.String("muster"), DetailType: aws.String("Test"), Detail: &detail}
	}
	return out
}

func TestPutEventsLimits(t *testing.T) {
	s := start(t, sandbox.Options{})
	for name, list := range map[string][]types.PutEventsRequestEntry{
		"none": {}, "eleven": entries(11, "{}"), "large": entries(2, `{"x":"`+strings.Repeat("x", 128_000)+`"}`),
	} {
		_, err := bus(s).PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: list})
		wantCode(t, err, "ValidationException")
		if len(s.Events()) > 0 {
			t.Errorf("%s: kept %v", name, s.Events())
		}
	}
}

func TestPutEventsPartialFailure(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.Inject(sandbox.Fault{Service: sandbox.EventBridge, Status: 200, Code: "InternalFailure"})
	out, err := bus(s).PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: entries(3, "{}")})
	if err != nil || out.FailedEntryCount != 1 || aws.ToString(out.Entries[1].ErrorCode) != "InternalFailure" || len(s.Events()) != 2 {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestEventBridgeErrorFormat(t *testing.T) {
	for kind, code := range map[sandbox.Kind]string{
		sandbox.KindAccessDenied: "AccessDeniedException", sandbox.KindThrottled: "ThrottlingException",
		sandbox.KindExpiredToken: "ExpiredTokenException",
	} {
		s := start(t, sandbox.Options{})
		s.Inject(sandbox.Fault{Service: sandbox.EventBridge, Kind: kind})
		_, err := bus(s).PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: entries(1, "{}")})
		wantCode(t, err, code)
	}
}
