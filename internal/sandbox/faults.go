package sandbox

import (
	"net/http"
	"strings"
	"time"
)

// Names of the services, for Fault, Call and CallCount. IMDS and Introspection are local: their actions are paths, and
// they have their own log.
const (
	ECS            = "ecs"
	EC2            = "ec2"
	AutoScaling    = "autoscaling"
	CloudFormation = "cloudformation"
	CloudWatch     = "cloudwatch"
	EventBridge    = "events"
	IMDS           = "imds"
	Introspection  = "introspection"
)

// Paths of local services, for faults.
const (
	TokenPath    = "/latest/api/token"
	MetadataPath = "/v1/metadata"
)

// Kind is a class of AWS errors that each service reports in its own form.
type Kind int

// Kinds of errors; the zero Kind is no error.
const (
	KindAccessDenied Kind = iota + 1
	KindExpiredToken
	KindThrottled
	KindServer
	KindSkewed
	KindUnknownKey
	KindUnknownAction
	KindNoCredentials
)

// Fault is a fault of a service. The zero values mean every action, from the first call on, permanently.
type Fault struct {
	Service string // empty means every AWS service, but neither IMDS nor Introspection
	// Action is an API action, or a path prefix for IMDS and Introspection.
	Action string
	// Skip is the number of calls that succeed first; Times limits the number of faulty calls.
	Skip, Times int

	// Kind returns the service's own error of that kind. Status returns that status, with Code and Message in the
	// service's error format.
	Kind          Kind
	Status        int
	Code, Message string

	Delay time.Duration // before the response
	Hang  bool          // no response until the client disconnects
	Reset bool          // connection reset without an answer
	Cut   bool          // half of the response, then the connection is closed
	Body  string        // replaces the body of a successful response
	Done  bool          // the action is executed before the fault applies
	Skew  time.Duration // offset of the server's clock: Date header, signature check
}

// AccessDenied denies an action permanently.
func AccessDenied(service, action string) Fault {
	return Fault{Service: service, Action: action, Kind: KindAccessDenied}
}

// ExpiredToken rejects the credentials as expired.
func ExpiredToken(service, action string) Fault {
	return Fault{Service: service, Action: action, Kind: KindExpiredToken}
}

// Throttled throttles n calls of an action, then lets it succeed.
func Throttled(service, action string, n int) Fault {
	return Fault{Service: service, Action: action, Times: n, Kind: KindThrottled}
}

// ServerError fails n calls of an action with a 500, then lets it succeed.
func ServerError(service, action string, n int) Fault {
	return Fault{Service: service, Action: action, Times: n, Kind: KindServer}
}

// ClockSkew sets the offset between a service's clock and the instance's. Beyond five minutes, the service rejects
// signatures until the client corrects its clock from the Date header.
func ClockSkew(service string, d time.Duration) Fault { return Fault{Service: service, Skew: d} }

// IMDSDisabled responds to the token request like an instance with a disabled metadata endpoint.
func IMDSDisabled() Fault {
	return Fault{Service: IMDS, Action: TokenPath, Status: http.StatusForbidden}
}

// HopLimit never responds to the token request, as if the TTL of the response expired on the way.
func HopLimit() Fault { return Fault{Service: IMDS, Action: TokenPath, Hang: true} }

type armedFault struct {
	Fault
	seen int
}

// Inject arms a fault. If several faults match a call, the first one injected applies.
func (s *Sandbox) Inject(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &armedFault{Fault: f})
}

// ClearFaults disarms every fault.
func (s *Sandbox) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// fault counts a call against the armed faults and returns the one that applies, or the zero Fault.
func (s *Sandbox) fault(service, action string) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if !f.fits(service, action) {
			continue
		}
		f.seen++
		if f.seen > f.Skip && (f.Times == 0 || f.seen <= f.Skip+f.Times) {
			return f.Fault
		}
	}
	return Fault{}
}

func (f Fault) fits(service, action string) bool {
	local := service == IMDS || service == Introspection
	if f.Service != service && (f.Service != "" || local) {
		return false
	}
	path := strings.HasPrefix(f.Action, "/") && strings.HasPrefix(action, f.Action)
	return f.Action == "" || f.Action == action || path
}

// respond sends the result of do, modified by the fault, and returns what was sent. A hung or reset request has status
// 0.
func (s *Sandbox) respond(w http.ResponseWriter, r *http.Request, f Fault, do func() answer) answer {
	var a answer
	if f.Done {
		a = do()
	}
	hung := f.Hang && !s.wait(r, nil) || f.Delay > 0 && !s.wait(r, s.clock.After(f.Delay))
	if hung || f.Reset {
		reset(w)
		return answer{}
	}
	if !f.Done {
		a = do()
	}
	if f.Body != "" {
		a.body = []byte(f.Body)
	}
	w.Header().Set("Date", s.clock.Now().Add(f.Skew).UTC().Format(http.TimeFormat))
	if f.Cut {
		a.sendHalf(w)
	} else {
		a.send(w)
	}
	return a
}

// wait reports whether until fired before the client or the sandbox stopped.
func (s *Sandbox) wait(r *http.Request, until <-chan time.Time) bool {
	select {
	case <-until:
		return true
	case <-r.Context().Done():
	case <-s.done:
	}
	return false
}
