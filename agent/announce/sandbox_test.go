package announce_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"muster/agent/announce"
	"muster/internal/awsapi"
	"muster/internal/sandbox"
)

// The test uses the real client with injected faults. A fault may only delay an event.
func TestEventsArriveOverTheWire(t *testing.T) {
	schema := readSchema(t)
	for name, fault := range map[string]sandbox.Fault{
		"none": {Service: sandbox.ECS}, "throttled": {Kind: sandbox.KindThrottled}, "500": {Kind: sandbox.KindServer}, "reset": {Reset: true},
		"expired": {Kind: sandbox.KindExpiredToken}, "denied": {Kind: sandbox.KindAccessDenied},
		"in part": {Status: 200, Code: "InternalFailure"}, "half an answer": {Cut: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := sandbox.New(sandbox.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Close)
			fault.Times = 1
			s.Inject(fault)
			var journal bytes.Buffer
			a := announce.New(
				announce.Options{Log: slog.New(slog.NewTextHandler(&journal, nil)), Bus: awsapi.FromConfig(s.AWSConfig()), BusName: "ops"},
			)
			at := time.Now()
			for _, kind := range all {
				a.Announce(announce.Event{Kind: kind, At: at, Cluster: "prod", Container: "app"})
			}
			for tries := 0; a.Flush(t.Context()) != nil; tries++ {
				if tries > 1 {
					t.Fatal(journal.String())
				}
			}
			ids := map[string]bool{}
			for _, e := range s.Events() {
				var detail map[string]any
				if err := json.Unmarshal(e.Detail, &detail); err != nil || schema.check("detail", detail) != nil {
					t.Errorf("%s: %v", e.Detail, err)
				}
				if ids[detail["id"].(string)] = true; e.Bus != "ops" || e.Source != "muster" || e.Time.Unix() != at.Unix() {
					t.Errorf("%+v", e)
				}
			}
			if len(ids) != len(all) || strings.Count(journal.String(), "do not reach the bus") > 1 {
				t.Errorf("%d of %d events arrived\n%s", len(ids), len(all), journal.String())
			}
		})
	}
}
