package bootstrap

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"muster/internal/awsapi"
	"muster/internal/base/exitcode"
	"muster/internal/config"
	"muster/internal/host/ecsagent"
	"muster/internal/host/imds"
	"muster/internal/instance"
	"muster/internal/sandbox"
	"muster/test/observe"
)

// virtual is an instance on synctest's clock. The sandbox handles requests in the caller's goroutine, without a
// connection, and everything else is available at once.
type virtual struct {
	*sandbox.Sandbox
	t     *testing.T
	host  *Host
	log   *observe.Journal
	clock *sandbox.ManualClock
	zero  time.Time // time of the clock when the bubble started

	registers time.Duration // after the start; negative means never

	mu    sync.Mutex
	began time.Time
	fault func(at time.Duration, action string) fault // returns the fault for a request
	sent  []call
}

// call is one AWS request.
type call struct {
	at     time.Duration // since the start
	action string
}

// fault is what goes wrong with one request.
type fault struct {
	status int    // HTTP status of AWS's error, with the code
	code   string // in the format of the service
	cut    bool   // close the connection before the response
	done   bool   // but process the request first
	hang   bool   // do not respond until the caller stops waiting
	refuse bool   // refuse the connection
}

var fine fault

// inVirtualTime runs test with a machine that the hook and the stack wait for. It creates the sandbox outside the
// bubble, because its listeners would stop the clock.
func inVirtualTime(t *testing.T, hook sandbox.Hook, test func(t *testing.T, v *virtual)) {
	t.Helper()
	hook.Name = "ready"
	clock := sandbox.NewManualClock()
	s, err := sandbox.New(sandbox.Options{
		Clusters: []string{"prod"}, Clock: clock, Root: t.TempDir(),
		Group:  &sandbox.Group{Name: "workers", Hooks: []sandbox.Hook{hook}},
		Stacks: map[string][]string{"stack": {"Workers", "Others"}, "lone": {"Workers"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	arn := s.AddContainerInstance("prod", sandbox.ContainerInstance{EC2InstanceID: instanceID, Status: "ACTIVE", AgentConnected: true})
	document, signature, err := imds.New(s.IMDSURL(), 20*time.Second).Signed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		v := &virtual{Sandbox: s, t: t, clock: clock, zero: clock.Now(), log: &observe.Journal{}, began: time.Now()}
		aws := s.AWSConfig()
		aws.HTTPClient = v
		client := awsapi.FromConfig(aws)
		v.host = &Host{
			Settings: config.Set{
				Environ: []string{"MUSTER_ROOT=" + root, "MUSTER_CONSOLE=", "MUSTER_CLUSTER=prod", "MUSTER_LIFECYCLE_HOOK=ready",
					"MUSTER_CFN_STACK=stack", "MUSTER_CFN_RESOURCE=Workers", "MUSTER_TIMEOUT=10m"},
			},
			Log:   slog.New(slog.NewTextHandler(v.log, nil)),
			IMDS:  func(*config.Config) Metadata { return &metadata{string(document), signature} },
			AWS:   func(context.Context, string) (AWS, error) { return client, nil },
			Units: func(context.Context, string) (Units, error) { return nil, instance.ErrNoSystemd },
			Agent: func(*config.Config) Introspection {
				return introspecting(func(context.Context) (ecsagent.Metadata, error) {
					if v.registers < 0 || time.Since(v.began) < v.registers {
						return ecsagent.Metadata{}, ecsagent.ErrRefused
					}
					return ecsagent.Metadata{Cluster: "prod", ContainerInstanceARN: arn}, nil
				})
			},
		}
		test(t, v)
	})
}

// Do implements aws.HTTPClient.
func (v *virtual) Do(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	form, _ := url.ParseQuery(r.URL.RawQuery + "&" + string(body)) // JSON is not a form, and has the action in a header
	action := form.Get("Action")
	if _, name, is := strings.Cut(r.Header.Get("X-Amz-Target"), "."); is {
		action = name
	}
	v.mu.Lock()
	at := time.Since(v.began)
	v.sent = append(v.sent, call{at, action})
	f := fine
	if v.fault != nil {
		f = v.fault(at, action)
	}
	v.advance()
	v.mu.Unlock()
	switch {
	case f.refuse:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	case f.hang:
		<-r.Context().Done()
		return nil, r.Context().Err()
	case f.cut && !f.done:
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	case f.status != 0 && !f.done:
		return answer(r, f), nil
	}
	request := r.Clone(r.Context())
	request.Body, request.RequestURI = io.NopCloser(bytes.NewReader(body)), r.URL.RequestURI()
	w := httptest.NewRecorder()
	v.AWS().ServeHTTP(w, request)
	switch {
	case f.cut:
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	case f.status != 0:
		return answer(r, f), nil
	}
	return w.Result(), nil
}

// answer returns AWS's error response, in the XML or JSON of the protocol.
func answer(r *http.Request, f fault) *http.Response {
	text := fmt.Sprintf(
		"<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>message</Message></Error></ErrorResponse>",
		f.code,
	)
	if r.URL.Query().Get("ContentType") == "JSON" {
		text = fmt.Sprintf(`{"Error": {"Code": %q, "Message": "message"}}`, f.code)
	}
	if f.code == "" {
		text = "<html>a proxy's page</html>"
	}
	return &http.Response{
		StatusCode: f.status,
		Request:    r,
		Body:       io.NopCloser(strings.NewReader(text)),
		Header:     http.Header{"Content-Type": {"text/xml"}},
	}
}

// advance sets the sandbox's clock to the time in the bubble.
func (v *virtual) advance() {
	v.clock.Advance(time.Since(v.began) - v.clock.Now().Sub(v.zero))
}

// received returns what the hook and the stack have received so far.
func (v *virtual) received() string {
	v.mu.Lock()
	v.advance()
	v.mu.Unlock()
	hook, signals := v.Hook("ready"), v.Signals("stack")
	text := hook.Result
	if hook.TimedOut {
		text += " by timeout"
	}
	for _, s := range signals {
		text += ", " + s.Status
	}
	return text
}

func (v *virtual) count(action string) int {
	n := 0
	for _, c := range v.sent {
		if c.action == action {
			n++
		}
	}
	return n
}

// metadata is a stub of the instance metadata service.
type metadata struct {
	document, signature string
}

func (m *metadata) Identity(context.Context) (imds.Identity, error) {
	return imds.Identity{InstanceID: instanceID, Region: region, AccountID: "123456789012"}, nil
}
func (m *metadata) Signed(context.Context) ([]byte, string, error) {
	return []byte(m.document), m.signature, nil
}
func (m *metadata) Tag(_ context.Context, key string) (string, bool, error) {
	return "workers", key == groupNameTag, nil
}
func (m *metadata) LifecycleState(context.Context) (string, error) { return "InService", nil }
func (m *metadata) UserData(context.Context) ([]byte, bool, error) { return nil, false, nil }

const (
	complete = "CompleteLifecycleAction"
	beat     = "RecordLifecycleActionHeartbeat"
	resource = "SignalResource"
)

// during makes calls of some actions fail until the given time.
func during(end time.Duration, f fault, actions ...string) func(time.Duration, string) fault {
	return func(at time.Duration, action string) fault {
		if at < end && slices.Contains(actions, action) {
			return f
		}
		return fine
	}
}

// Error responses and how they are handled. The sources of the codes are in package awsapi's TestWhichErrorsAreTransient.
func TestSignalsAreRetriedAfterTransientErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]fault{
		"Throttling":           {status: 400, code: "Throttling"},
		"ThrottlingException":  {status: 400, code: "ThrottlingException"},
		"RequestLimitExceeded": {status: 503, code: "RequestLimitExceeded"},
		"SlowDown":             {status: 503, code: "SlowDown"},
		"429 of a proxy":       {status: 429},
		"InternalFailure":      {status: 500, code: "InternalFailure"},
		"ServiceUnavailable":   {status: 503, code: "ServiceUnavailable"},
		"502 of a proxy":       {status: 502},
		"ResourceContention":   {status: 500, code: "ResourceContention"},
		"RequestExpired":       {status: 400, code: "RequestExpired"},
		"refused":              {refuse: true},
		"cut before":           {cut: true},
		"cut after":            {cut: true, done: true},
		"500 after":            {status: 500, code: "InternalFailure", done: true},
		"hanging":              {hang: true},
	} {
		for _, auth := range []string{"identity", "sigv4"} {
			t.Run(name+", "+auth, func(t *testing.T) {
				t.Parallel()
				inVirtualTime(t, sandbox.Hook{Timeout: 2 * time.Minute}, func(t *testing.T, v *virtual) {
					v.host.Settings.Environ = append(v.host.Settings.Environ, "MUSTER_CFN_AUTH="+auth)
					v.fault = during(7*time.Minute, c, complete, resource)
					report, err := v.host.Verify(t.Context())
					if err != nil || v.received() != "CONTINUE, SUCCESS" {
						t.Fatalf("%v, received %s:\n%s", err, v.received(), v.log)
					}
					if took := time.Since(v.began); took > 8*time.Minute {
						t.Errorf("took %s", took)
					}
					if n := v.count(complete) + v.count(resource); n > 2*60 {
						t.Errorf("%d calls", n)
					}
					if n := v.count(beat); !c.done && n < 5 { // 7 minutes, with one heartbeat every 48 s
						t.Errorf("%d heartbeats", n)
					}
					if probably := strings.Contains(report.Deliveries[0].What, "probably"); probably != c.done {
						t.Errorf("%q", report.Deliveries[0].What)
					}
				})
			})
		}
	}
}

// Waiting does not help after a rejected request.
func TestRejectedSignalIsNotRetried(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault
		says []string
	}{
		"denied":             {fault{status: 403, code: "AccessDenied"}, []string{"is not allowed", "instance role"}},
		"no such stack":      {fault{status: 400, code: "ValidationError"}, []string{"ValidationError"}},
		"unknown key":        {fault{status: 403, code: "InvalidClientTokenId"}, []string{"no valid credentials"}},
		"a proxy's page":     {fault{status: 403}, []string{"403"}},
		"opt-in region":      {fault{status: 403, code: "OptInRequired"}, []string{"is not allowed"}},
		"expired, and again": {fault{status: 403, code: "ExpiredToken"}, []string{"no valid credentials", "2 attempts"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, sandbox.Hook{}, func(t *testing.T, v *virtual) {
				v.fault = during(time.Hour, c.fault, complete, resource)
				report, err := v.host.Verify(t.Context())
				wantExit(t, err, exitcode.SignalUndelivered)
				want := 2
				if strings.Contains(name, "again") {
					want = 4
				}
				if n := v.count(complete) + v.count(resource); n != want || time.Since(v.began) > 5*time.Second {
					t.Errorf("%d calls in %s", n, time.Since(v.began))
				}
				for _, d := range report.Deliveries {
					wantText(t, d.Error, c.says...)
					if d.Temporary {
						t.Errorf("%+v", d)
					}
				}
			})
		})
	}
}

// Expired credentials cost one attempt, because the client then gets new ones.
func TestExpiredCredentialsCostOneAttempt(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, sandbox.Hook{}, func(t *testing.T, v *virtual) {
		v.host.Settings.Environ = append(v.host.Settings.Environ, "MUSTER_CFN_AUTH=sigv4")
		seen := map[string]bool{}
		v.fault = func(_ time.Duration, action string) fault {
			if seen[action] {
				return fine
			}
			seen[action] = true
			return fault{status: 403, code: "ExpiredToken"}
		}
		_, err := v.host.Verify(t.Context())
		if err != nil || v.received() != "CONTINUE, SUCCESS" || v.count(complete) != 2 || v.count(resource) != 2 {
			t.Errorf("%v, received %s: %v", err, v.received(), v.sent)
		}
	})
}

// The signals are sent even if waiting for the registration has used up the timeout, or if the fault lasts longer than
// the remaining time.
func TestSignalsHaveTheirOwnTimeout(t *testing.T) {
	t.Parallel()
	throttled := fault{status: 400, code: "Throttling"}
	for name, c := range map[string]struct {
		registers, faulty, ends time.Duration
		exit                    int
		received                string
		timeout                 string // empty means 10m
	}{
		"early, and the rest of the timeout is enough": {time.Minute, 9 * time.Minute, 10 * time.Minute, 0, "CONTINUE, SUCCESS", ""},
		"early, and it is not":                         {time.Minute, time.Hour, 10 * time.Minute, 11, "", ""},
		"late, and two minutes are enough": {9*time.Minute + 50*time.Second, 11 * time.Minute, 12 * time.Minute, 0,
			"CONTINUE, SUCCESS", ""},
		"never, and the failure is signalled":        {-1, 11 * time.Minute, 13 * time.Minute, 10, "ABANDON, FAILURE", ""},
		"never, and no signal can be delivered":      {-1, time.Hour, 13 * time.Minute, 10, "", ""},
		"a short timeout is kept, and as long again": {-1, time.Hour, 11 * time.Second, 10, "", "5s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, sandbox.Hook{}, func(t *testing.T, v *virtual) {
				v.registers, v.fault = c.registers, during(c.faulty, throttled, complete, resource)
				v.host.Settings.Environ = append(v.host.Settings.Environ, "MUSTER_ON_FAILURE=abandon")
				if c.timeout != "" {
					v.host.Settings.Environ = append(v.host.Settings.Environ, "MUSTER_TIMEOUT="+c.timeout)
				}
				report, err := v.host.Verify(t.Context())
				wantExit(t, err, c.exit)
				if took := time.Since(v.began); v.received() != c.received || took > c.ends {
					t.Errorf("received %q after %s", v.received(), took)
				}
				for _, d := range report.Undelivered() {
					wantText(t, d.Error, "Throttling", " attempts in ")
					if !d.Temporary {
						t.Errorf("%+v", d)
					}
				}
			})
		})
	}
}

// The unit runs verify again after exit code 11. Only undelivered signals are sent again.
func TestNextRunSendsUndeliveredSignals(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, sandbox.Hook{}, func(t *testing.T, v *virtual) {
		v.fault = during(11*time.Minute, fault{status: 503, code: "ServiceUnavailable"}, resource)
		report, err := v.host.Verify(t.Context())
		wantExit(t, err, exitcode.SignalUndelivered)
		if n := len(report.Undelivered()); n != 1 || v.received() != "CONTINUE" {
			t.Fatalf("%d undelivered, received %q", n, v.received())
		}
		<-time.After(time.Minute) // RestartSec=60
		v.sent = nil
		_, err = v.host.Verify(t.Context())
		if err != nil || v.received() != "CONTINUE, SUCCESS" || v.count(complete) != 0 {
			t.Errorf("%v, received %q: %v", err, v.received(), v.sent)
		}
	})
}

// A spot instance is shut down while its signals are throttled, so systemd stops the unit.
func TestShutdownEndsTheRetries(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, sandbox.Hook{}, func(t *testing.T, v *virtual) {
		v.fault = during(time.Hour, fault{status: 400, code: "Throttling"}, complete, resource, beat)
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(2*time.Minute, stop)
		report, err := v.host.Verify(ctx)
		wantExit(t, err, exitcode.Interrupted)
		if took := time.Since(v.began); took > 2*time.Minute+time.Second || len(report.Undelivered()) != 2 {
			t.Errorf("%d undelivered after %s", len(report.Undelivered()), took)
		}
	})
}

// The hook times out after 5 minutes, but verify takes 9. Failures of DescribeLifecycleHooks and of heartbeats must not
// let the hook time out.
func TestHeartbeatsAreRetried(t *testing.T) {
	t.Parallel()
	for name, actions := range map[string][]string{
		"the hook is found late":   {"DescribeLifecycleHooks"},
		"heartbeats are throttled": {beat},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, sandbox.Hook{Timeout: 5 * time.Minute}, func(t *testing.T, v *virtual) {
				v.registers = 9 * time.Minute
				v.fault = during(4*time.Minute, fault{status: 400, code: "Throttling"}, actions...)
				_, err := v.host.Verify(t.Context())
				if err != nil || v.received() != "CONTINUE, SUCCESS" {
					t.Errorf("%v, received %q:\n%s", err, v.received(), v.log)
				}
				if n := len(v.sent); n > 120 {
					t.Errorf("%d calls", n)
				}
			})
		})
	}
}

// Throttled instances must not retry in step, and must not retry too often.
func TestBackoffIsJitteredAndBounded(t *testing.T) {
	t.Parallel()
	b := realPace().backoff
	for failures, most := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		seen := map[time.Duration]bool{}
		for range 200 {
			pause := b.after(failures)
			if pause < 0 || pause >= most*time.Second {
				t.Fatalf("%s after %d failures", pause, failures)
			}
			seen[pause] = true
		}
		if len(seen) < 150 {
			t.Errorf("%d different pauses of 200 after %d failures", len(seen), failures)
		}
	}
	if b.after(1000) >= 30*time.Second {
		t.Error("the bound of a long outage")
	}
}

// Whatever happens to the calls for less than the remaining time, the stack receives exactly one signal and the hook is
// completed once, as verify decided.
func TestSignalsAreDeliveredOnceDespiteFaults(t *testing.T) {
	t.Parallel()
	const cases = 60
	for seed := range uint64(cases) {
		random := rand.New(rand.NewPCG(seed, 1))
		kinds := []fault{
			{status: 400, code: "Throttling"},
			{status: 503, code: "SlowDown"},
			{status: 429},
			{status: 500, code: "InternalFailure"},
			{
				status: 500,
				code:   "InternalFailure",
				done:   true,
			},
			{status: 502, done: true},
			{cut: true},
			{cut: true, done: true},
			{hang: true},
			{refuse: true},
			fine,
		}
		registers := time.Duration(random.Int64N(int64(5 * time.Minute)))
		failed, lone, auth := random.IntN(4) == 0, random.IntN(2) == 0, []string{"identity", "sigv4"}[random.IntN(2)]
		want, exit, left := "CONTINUE, SUCCESS", 0, 9*time.Minute
		if failed {
			registers, want, exit, left = -1, "ABANDON, FAILURE", exitcode.NotRegistered, 11*time.Minute
		}
		// An attempt that hangs takes 30 s, and so does the longest pause.
		end := time.Duration(random.Int64N(int64(left - time.Minute)))
		name := fmt.Sprintf("seed %d: registers %s, faults until %s, %s", seed, registers, end, auth)
		inVirtualTime(t, sandbox.Hook{Timeout: 15 * time.Minute}, func(t *testing.T, v *virtual) {
			v.registers = registers
			v.host.Settings.Environ = append(v.host.Settings.Environ, "MUSTER_ON_FAILURE=abandon", "MUSTER_CFN_AUTH="+auth)
			stack := "stack"
			if lone { // its first signal completes the resource, which then accepts no other
				stack = "lone"
				v.host.Settings.Environ = append(v.host.Settings.Environ, "MUSTER_CFN_STACK=lone")
			}
			v.fault = func(at time.Duration, action string) fault {
				if at >= end || !slices.Contains([]string{complete, beat, resource, "DescribeLifecycleHooks"}, action) {
					return fine
				}
				return kinds[random.IntN(len(kinds))]
			}
			report, err := v.host.Verify(t.Context())
			wantExit(t, err, exit)
			got := v.Hook("ready").Result
			for _, s := range v.Signals(stack) {
				got += ", " + s.Status
			}
			if got != want || v.Hook("ready").TimedOut || len(report.Undelivered()) != 0 {
				t.Errorf("%s: received %q, want %q: %+v\n%s", name, got, want, report.Deliveries, v.log)
			}
		})
	}
}

// bootstrap retries reading the tag that names the cluster, because user data does not run again.
func TestAThrottledTagDoesNotFailTheBoot(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault
		lasts time.Duration
		exit  int
		most  time.Duration
	}{
		"throttled for a minute": {fault{status: 400, code: "Throttling"}, time.Minute, exitcode.BadConfiguration,
			2 * time.Minute}, // the response is that there is no such tag
		"throttled for ever": {fault{status: 400, code: "Throttling"}, time.Hour, exitcode.Undetermined, 3 * time.Minute},
		"denied":             {fault{status: 403, code: "AccessDenied"}, time.Hour, exitcode.Undetermined, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, sandbox.Hook{}, func(t *testing.T, v *virtual) {
				v.fault = during(c.lasts, c.fault, "DescribeTags")
				r, err := v.host.open(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				r.Config.Cluster = ""
				_, err = r.inTags(t.Context())
				wantExit(t, err, c.exit)
				if took := time.Since(v.began); took > c.most {
					t.Errorf("took %s", took)
				}
			})
		})
	}
}
