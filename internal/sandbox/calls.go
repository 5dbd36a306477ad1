package sandbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// Call is an AWS API call that the sandbox received.
type Call struct {
	Service, Action string
	Region          string // signed region; empty for a CFN_V1 call
	Time            time.Time
	Status          int    // HTTP status; 0 while pending, and for hung or reset calls
	Code            string // AWS error code, empty on success
	// Params holds the parameters by name: query parameters as sent (Filters.member.1.Name), JSON strings without
	// quotes, other JSON members as JSON.
	Params map[string]string
}

// LocalRequest is a request to IMDS or to the agent's introspection.
type LocalRequest struct {
	Service, Method, Path string
	Time                  time.Time
	Status                int // as in Call
}

// Calls returns the AWS calls so far, in order of arrival.
func (s *Sandbox) Calls() []Call { return snapshot(s, &s.calls) }

// LocalRequests returns the requests to IMDS and introspection so far.
func (s *Sandbox) LocalRequests() []LocalRequest { return snapshot(s, &s.local) }

func snapshot[T any](s *Sandbox, log *[]*T) []T {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]T, 0, len(*log))
	for _, v := range *log {
		out = append(out, *v)
	}
	return out
}

// CallCount counts the calls of an action; an empty service or action matches all.
func (s *Sandbox) CallCount(service, action string) int {
	calls := slices.DeleteFunc(s.Calls(), func(c Call) bool {
		return service != "" && c.Service != service || action != "" && c.Action != action
	})
	return len(calls)
}

// ResetCalls clears both logs.
func (s *Sandbox) ResetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls, s.local = nil, nil
}

func (s *Sandbox) logCall(r *request) *Call {
	c := &Call{Service: r.service.name, Action: r.action, Region: r.region, Time: s.clock.Now(), Params: r.params()}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, c)
	return c
}

func (s *Sandbox) endCall(c *Call, a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.Status, c.Code = a.status, a.code
}

// serveLocal serves a local service with faults, and logs its requests.
func (s *Sandbox) serveLocal(service string, do func(*http.Request) answer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		entry := &LocalRequest{Service: service, Method: r.Method, Path: r.URL.RequestURI(), Time: s.clock.Now()}
		s.mu.Lock()
		s.local = append(s.local, entry)
		s.mu.Unlock()

		f := s.fault(service, r.URL.Path)
		if service == Introspection {
			f = s.Agent.spoil(f)
		}
		a := s.respond(w, r, f, func() answer {
			if f.Status != 0 {
				return textAnswer(f.Status, f.Message)
			}
			return do(r)
		})
		s.mu.Lock()
		defer s.mu.Unlock()
		entry.Status = a.status
	})
}

func (r *request) params() map[string]string {
	out := map[string]string{}
	for k, v := range r.form {
		out[k] = v[0]
	}
	var members map[string]json.RawMessage
	_ = json.Unmarshal(r.body, &members) // a query body is not JSON; an invalid one has no parameters
	for k, raw := range members {
		var text string
		if json.Unmarshal(raw, &text) != nil {
			text = string(raw)
		}
		out[k] = text
	}
	return out
}
