package sandbox

import (
	"net/http"
	"strings"
	"time"
)

// Names of the services, as used in Fault, Call and CallCount. IMDS and
// Introspection are local: their actions are paths, and they are logged apart.
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

// Paths that faults on local services are aimed at.
const (
	TokenPath    = "/latest/api/token"
	MetadataPath = "/v1/metadata"
)

// Kind is a class of AWS error that every service spells its own way.
type Kind int

// The kinds of error; the zero Kind is no error.
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

// Fault is one way in which a service misbehaves. The zero values mean: every
// action, from the first call on, for ever.
type Fault struct {
	Service string // empty: every AWS service, but neither IMDS nor Introspection
	// Action is an API action, or for IMDS and Introspection the beginning of a path.
	Action string
	// Skip lets so many calls pass first; Times limits how many are spoiled.
	Skip, Times int

	// Kind answers with the service's own error of that kind. Status answers with
	// that status, Code and Message in the service's error shape.
	Kind          Kind
	Status        int
	Code, Message string

	Delay time.Duration // before the answer
	Hang  bool          // no answer until the client gives up
	Reset bool          // connection reset without an answer
	Cut   bool          // half of the answer, then the connection ends
	Body  string        // replaces the body of a good answer
	Done  bool          // the action is carried out first: what the client sees is not what was done
	Skew  time.Duration // the server's clock is off by this: Date header, signature check
}

// AccessDenied denies an action for ever.
func AccessDenied(service, action string) Fault {
	return Fault{Service: service, Action: action, Kind: KindAccessDenied}
}

// ExpiredToken refuses the credentials as expired.
func ExpiredToken(service, action string) Fault {
	return Fault{Service: service, Action: action, Kind: KindExpiredToken}
}

// Throttled throttles n calls of an action, then lets it work.
func Throttled(service, action string, n int) Fault {
	return Fault{Service: service, Action: action, Times: n, Kind: KindThrottled}
}

// ServerError fails n calls of an action with a 500, then lets it work.
func ServerError(service, action string, n int) Fault {
	return Fault{Service: service, Action: action, Times: n, Kind: KindServer}
}

// ClockSkew makes a service's clock differ from the instance's by d: beyond five
// minutes it refuses signatures, until the client corrects by the Date header.
func ClockSkew(service string, d time.Duration) Fault { return Fault{Service: service, Skew: d} }

// IMDSDisabled answers the token request as an instance with its metadata
// endpoint disabled does.
func IMDSDisabled() Fault {
	return Fault{Service: IMDS, Action: TokenPath, Status: http.StatusForbidden}
}

// HopLimit never answers the token request: the answer's TTL ran out on the way.
func HopLimit() Fault { return Fault{Service: IMDS, Action: TokenPath, Hang: true} }

type armedFault struct {
	Fault
	seen int
}

// Inject arms a fault. Of several that fit a call the first injected acts.
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

// fault counts a call against the armed faults and returns the one that acts, or
// the zero Fault.
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

// respond sends what do returns, or what the fault makes of it, and returns what
// was sent. A hung or reset request has status 0.
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

// wait reports whether until came before the client or the sandbox went away.
func (s *Sandbox) wait(r *http.Request, until <-chan time.Time) bool {
	select {
	case <-until:
		return true
	case <-r.Context().Done():
	case <-s.done:
	}
	return false
}
