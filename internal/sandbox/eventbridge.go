package sandbox

import (
	"encoding/json"
	"slices"
	"time"
)

// Limits of PutEvents. AWS documents the size as 256 KB and, since 2026, as
// 1 MB; this is the smaller, over all entries.
const (
	maxEvents    = 10
	maxEventSize = 256_000
)

// Event is one that an event bus accepted.
type Event struct {
	Bus, Source, DetailType string
	Detail                  json.RawMessage
	Resources               []string
	Time                    time.Time
}

// Events returns the events that EventBridge accepted, in order of arrival.
func (s *Sandbox) Events() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// eventBridgeService takes events for any bus. A fault of Status 200 with a
// Code refuses every second entry of an answer that is good otherwise.
func (s *Sandbox) eventBridgeService() *service {
	return &service{
		name: EventBridge, target: "AWSEvents", protocol: awsJSON{},
		actions: map[string]action{"PutEvents": s.putEvents},
	}
}

type eventEntry struct {
	EventBusName, Source, DetailType, Detail string
	Resources                                []string
	Time                                     float64 // epoch seconds
}

// size as AWS calculates it ("Calculating PutEvents event entry size").
func (e eventEntry) size() int {
	n := len(e.Source) + len(e.DetailType) + len(e.Detail)
	for _, r := range e.Resources {
		n += len(r)
	}
	if e.Time != 0 {
		n += 14
	}
	return n
}

type eventResult struct {
	EventId                 string `json:",omitempty"`
	ErrorCode, ErrorMessage string `json:",omitempty"`
}

func (s *Sandbox) putEvents(r *request) (any, *apiError) {
	var in struct{ Entries []eventEntry }
	if err := r.decode(&in); err != nil {
		return nil, err
	}
	size := 0
	for _, e := range in.Entries {
		size += e.size()
	}
	switch {
	case len(in.Entries) == 0 || len(in.Entries) > maxEvents:
		return nil, invalid("ValidationException", "entries has %d members, it may have 1 to %d", len(in.Entries), maxEvents)
	case size > maxEventSize:
		return nil, invalid("ValidationException", "Total size of the entries in the request is over the limit.")
	}
	var out struct {
		FailedEntryCount int
		Entries          []eventResult
	}
	for i, e := range in.Entries {
		result := e.refusal()
		if r.fault.Status == 200 && i%2 == 1 {
			result = eventResult{ErrorCode: r.fault.Code, ErrorMessage: r.fault.Message}
		}
		if result.ErrorCode != "" {
			out.FailedEntryCount++
		} else {
			result.EventId = newRequestID()
			s.events = append(s.events, e.event())
		}
		out.Entries = append(out.Entries, result)
	}
	return out, nil
}

func (e eventEntry) refusal() eventResult {
	for name, value := range map[string]string{"Source": e.Source, "DetailType": e.DetailType, "Detail": e.Detail} {
		if value == "" {
			return eventResult{
				ErrorCode:    "InvalidArgument",
				ErrorMessage: "Parameter " + name + " is not valid. Reason: " + name + " is a required argument.",
			}
		}
	}
	if json.Unmarshal([]byte(e.Detail), &map[string]any{}) != nil {
		return eventResult{ErrorCode: "MalformedDetail", ErrorMessage: "Detail is malformed."}
	}
	return eventResult{}
}

func (e eventEntry) event() Event {
	return Event{e.EventBusName, e.Source, e.DetailType, json.RawMessage(e.Detail), e.Resources, time.UnixMilli(int64(e.Time * 1000)).UTC()}
}
