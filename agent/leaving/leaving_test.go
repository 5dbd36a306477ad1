package leaving_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"muster/agent/leaving"
	"muster/internal/host/imds"
	"muster/internal/sandbox"
)

func TestEachDepartureHasItsReason(t *testing.T) {
	const spot = "spot/instance-action"
	for name, c := range map[string]struct {
		group  *sandbox.Group
		spot   string
		status string
		want   leaving.Reason
		text   string
	}{
		"in service":         {&sandbox.Group{Name: "workers"}, "", "ACTIVE", leaving.NotLeaving, ""},
		"outside of a group": {nil, "", "", leaving.NotLeaving, ""},
		"standby comes back": {&sandbox.Group{Name: "workers", TargetState: "Standby"}, "", "ACTIVE", leaving.NotLeaving, ""},
		"scaled in": {&sandbox.Group{Name: "workers", TargetState: "Terminated"}, "", "ACTIVE", leaving.ScaleIn,
			"is terminating"},
		"back to the warm pool": {&sandbox.Group{Name: "workers", TargetState: "Warmed:Stopped"}, "", "", leaving.WarmPool,
			"Warmed:Stopped"},
		"a spot instance": {nil, `{"action": "stop", "time": "2026-09-18T08:22:00Z"}`, "ACTIVE", leaving.Spot,
			"stop at 2026-09-18T08:22:00Z"},
		"draining":                   {&sandbox.Group{Name: "workers"}, "", "DRAINING", leaving.Draining, "DRAINING"},
		"scaled in while draining":   {&sandbox.Group{Name: "workers", TargetState: "Terminated"}, "", "DRAINING", leaving.ScaleIn, ""},
		"a draining that is unknown": {nil, "", "", leaving.NotLeaving, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box := start(t, sandbox.Options{Group: c.group})
			box.SetMetadata(spot, c.spot)
			got, err := leaving.Detect(t.Context(), imds.New(box.IMDSURL(), time.Second), c.status)
			if err != nil || got.Reason != c.want || !strings.Contains(got.Text, c.text) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestWhoCannotLookDoesNotKnow(t *testing.T) {
	box := start(t, sandbox.Options{})
	box.SetMetadata("spot/instance-action", "soon")
	if got, err := leaving.Detect(t.Context(), imds.New(box.IMDSURL(), time.Second), "ACTIVE"); err == nil {
		t.Errorf("a garbled notice is %+v", got)
	}
	box.IMDSDown()
	silent := imds.New(box.IMDSURL(), 100*time.Millisecond)
	if got, err := leaving.Detect(t.Context(), silent, "ACTIVE"); err == nil {
		t.Errorf("without a metadata service it is %+v", got)
	}
	if got, err := leaving.Detect(t.Context(), silent, "DRAINING"); err != nil || got.Reason != leaving.Draining {
		t.Errorf("what ECS says is lost without a metadata service: %+v, %v", got, err)
	}
}

func start(t *testing.T, o sandbox.Options) *sandbox.Sandbox {
	t.Helper()
	box, err := sandbox.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	return box
}

type textMetadata string

func (s textMetadata) Metadata(_ context.Context, path string) (string, bool, error) {
	if path != "spot/instance-action" {
		return "", false, nil
	}
	return string(s), true, nil
}

func FuzzASpotNoticeIsReadOrRefused(f *testing.F) {
	f.Add(`{"action": "terminate", "time": "2026-09-18T08:22:00Z"}`)
	f.Add(`{"action":"stop"`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := leaving.Detect(t.Context(), textMetadata(text), "")
		if (err == nil) != (got.Reason == leaving.Spot) {
			t.Errorf("%q is %+v, %v", text, got, err)
		}
	})
}
