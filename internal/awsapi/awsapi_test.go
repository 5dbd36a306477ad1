package awsapi

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"muster/internal/host/imds"
	"muster/internal/sandbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const instanceID = "i-0123456789abcdef0"

func start(t *testing.T, opts sandbox.Options) *sandbox.Sandbox {
	t.Helper()
	s, err := sandbox.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// everything returns an instance with resources in every service.
func everything(t *testing.T) *sandbox.Sandbox {
	return start(t, sandbox.Options{
		Clusters: []string{"prod"}, Stacks: map[string][]string{"stack": {"Workers"}},
		Group: &sandbox.Group{Name: "workers", Tags: map[string]string{"muster:cluster": "prod"}, Hooks: []sandbox.Hook{
			{Name: "ready", Timeout: 90 * time.Second}, {Name: "leave", Transition: "autoscaling:EC2_INSTANCE_TERMINATING"},
		}},
	})
}

// client retries like the real client, but without pauses.
func client(t *testing.T, cfg aws.Config) *Client {
	t.Helper()
	transport := &http.Transport{ResponseHeaderTimeout: time.Second}
	t.Cleanup(transport.CloseIdleConnections)
	cfg.HTTPClient = &http.Client{Transport: transport}
	cfg.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts = maxAttempts
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		})
	}
	return FromConfig(cfg)
}

// calls contains one call of each service and protocol.
func calls(c *Client) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"ecs:DescribeClusters":                     func(ctx context.Context) error { _, err := c.ClusterStatus(ctx, "prod"); return err },
		"autoscaling:DescribeAutoScalingInstances": func(ctx context.Context) error { _, err := c.Group(ctx, instanceID); return err },
		"autoscaling:RecordLifecycleActionHeartbeat": func(ctx context.Context) error {
			return c.Heartbeat(ctx, Hook{Group: "workers", Name: "ready"}, instanceID)
		},
		"cloudformation:SignalResource": func(ctx context.Context) error { return c.SignalSigV4(ctx, signal) },
	}
}

var signal = Signal{Stack: "stack", Resource: "Workers", InstanceID: instanceID, Success: true}

func TestFailuresAreNamedAndClassified(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault sandbox.Fault
		kind  Kind
		says  string
	}{
		"denied": {sandbox.AccessDenied("", ""), Denied, "is not allowed: add it to the instance role"},
		"denied elsewhere": {sandbox.Fault{Status: 400, Code: "AccessDeniedException",
			Message: "not authorized to perform: x:Y with an explicit deny in a service control policy"},
			Denied, "is not allowed: the service control policy decides, and the instance role cannot override it"},
		"expired":            {sandbox.ExpiredToken("", ""), NoIdentity, "no valid credentials"},
		"unknown key":        {sandbox.Fault{Kind: sandbox.KindUnknownKey}, NoIdentity, "no valid credentials"},
		"skewed":             {sandbox.Fault{Kind: sandbox.KindSkewed, Message: "Signature expired"}, ClockSkew, "169.254.169.123"},
		"throttled":          {sandbox.Throttled("", "", 0), Throttled, "request rate"},
		"failing":            {sandbox.ServerError("", "", 0), Failed, ""},
		"reset":              {sandbox.Fault{Reset: true}, Unreachable, "the connection was closed before the response: "},
		"hanging":            {sandbox.Fault{Hang: true}, Unreachable, "no response from AWS in time"},
		"half an answer":     {sandbox.Fault{Cut: true}, Failed, ""},
		"garbage":            {sandbox.Fault{Body: "<<"}, Failed, ""},
		"a proxy's own page": {sandbox.Fault{Status: 403, Body: "<html>no</html>"}, Failed, ""},
	} {
		s := everything(t)
		s.Inject(test.fault)
		for action, call := range calls(client(t, s.AWSConfig())) {
			t.Run(name+"/"+action, func(t *testing.T) {
				t.Parallel()
				if test.fault.Body == "<<" && strings.HasPrefix(action, "cloudformation") {
					return // the response contains nothing that is read
				}
				err := call(t.Context())
				var e *Error
				if !errors.As(err, &e) || e.Kind != test.kind || e.Action != action || KindOf(err) != test.kind {
					t.Fatalf("%v is %q of %v, want %q", err, KindOf(err), e, test.kind)
				}
				if !strings.HasPrefix(err.Error(), action) || !strings.Contains(err.Error(), test.says) {
					t.Errorf("%q", err)
				}
			})
		}
	}
}

// lookups contains the calls that the client retries.
func lookups(c *Client) map[string]func(context.Context) error {
	all := calls(c)
	delete(all, "autoscaling:RecordLifecycleActionHeartbeat")
	delete(all, "cloudformation:SignalResource")
	return all
}

func TestTransientErrorsAreRetried(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]sandbox.Fault{
		"throttled": sandbox.Throttled("", "", 2), "failing": sandbox.ServerError("", "", 2), "reset": {Reset: true, Times: 2},
		"skewed": {Skew: time.Hour, Times: 1, Service: sandbox.ECS}, "hanging": {Hang: true, Times: 1},
		"throttled without a code": {Status: http.StatusTooManyRequests, Times: 2}, "expired": {Kind: sandbox.KindExpiredToken, Times: 2},
		"out of date": {Status: http.StatusBadRequest, Code: "RequestExpired", Times: 2},
	} {
		for action := range lookups(nil) {
			t.Run(name+"/"+action, func(t *testing.T) {
				t.Parallel()
				s := everything(t)
				s.Inject(fault)
				c := client(t, s.AWSConfig())
				if err := lookups(c)[action](t.Context()); err != nil {
					t.Fatal(err)
				}
				if n := s.CallCount("", ""); n != c.Calls() || n > maxAttempts {
					t.Errorf("%d calls arrived, %d counted", n, c.Calls())
				}
			})
		}
	}
}

func TestUnreachableEndpoint(t *testing.T) {
	t.Parallel()
	s := everything(t)
	cfg := s.AWSConfig()
	cfg.BaseEndpoint = aws.String(s.IntrospectionURL()) // refuses connections, because no ECS agent runs
	for action, call := range calls(client(t, cfg)) {
		err := call(t.Context())
		if KindOf(err) != Unreachable || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("%s: %v", action, err)
		}
	}
	c := client(t, cfg)
	if err := c.SignalIdentity(t.Context(), signal, nil, ""); KindOf(err) != Unreachable || c.Calls() != 1 {
		t.Errorf("%v after %d", err, c.Calls())
	}
}

func TestCallersDeadlineIsKept(t *testing.T) {
	t.Parallel()
	s := everything(t)
	s.Inject(sandbox.Fault{Hang: true})
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer stop()
	for action, call := range calls(client(t, s.AWSConfig())) {
		if err := call(ctx); KindOf(err) != Unreachable {
			t.Errorf("%s: %v", action, err)
		}
	}
}

// live returns a client from New, with the real chain of environment, metadata service and role.
func live(t *testing.T, s *sandbox.Sandbox) *Client {
	t.Helper()
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_CA_BUNDLE",
		"AWS_MAX_ATTEMPTS",
		"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "HTTP_PROXY",
		"HTTPS_PROXY"} {
		t.Setenv(name, "")
	}
	for _, entry := range s.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		t.Setenv(name, value)
	}
	c, err := New(t.Context(), "eu-central-1", s.IMDSURL())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestInstanceRoleSignsRequests(t *testing.T) {
	s := everything(t)
	c := live(t, s)
	status, err := c.ClusterStatus(t.Context(), "prod")
	if err != nil || status != "ACTIVE" || c.Calls() != 1 {
		t.Errorf("%q, %v, %d calls", status, err, c.Calls())
	}
	if region := s.Calls()[0].Region; region != "eu-central-1" {
		t.Errorf("signed for %q", region)
	}
}

func TestAnInstanceWithoutARoleHasNoIdentity(t *testing.T) {
	s := start(t, sandbox.Options{NoRole: true})
	c := live(t, s)
	for action, call := range calls(c) {
		err := call(t.Context())
		if KindOf(err) != NoIdentity || !strings.Contains(err.Error(), "attach an instance profile") || !strings.HasPrefix(err.Error(), action) {
			t.Errorf("%s: %q: %v", action, KindOf(err), err)
		}
	}
	if c.Calls() != 0 {
		t.Errorf("%d calls", c.Calls())
	}
}

func TestAnAWSConfigurationThatCannotBeReadIsAnError(t *testing.T) {
	t.Setenv("AWS_MAX_ATTEMPTS", "many")
	if c, err := New(t.Context(), "eu-central-1", ""); err == nil || c != nil ||
		!strings.HasPrefix(err.Error(), "reading the AWS configuration: ") {
		t.Errorf("%v, %v", c, err)
	}
}

func TestClusters(t *testing.T) {
	t.Parallel()
	s := start(t, sandbox.Options{Clusters: []string{"prod", "old"}})
	s.SetCluster("old", "INACTIVE")
	c := client(t, s.AWSConfig())
	for _, ref := range []string{"prod", "arn:aws:ecs:eu-central-1:123456789012:cluster/prod"} {
		if status, err := c.ClusterStatus(t.Context(), ref); status != "ACTIVE" || err != nil {
			t.Errorf("%s: %q, %v", ref, status, err)
		}
	}
	if status, err := c.ClusterStatus(t.Context(), "old"); status != "INACTIVE" || err != nil {
		t.Errorf("%q, %v", status, err)
	}
	if _, err := c.ClusterStatus(t.Context(), "prdo"); !errors.Is(err, ErrNoSuchCluster) || KindOf(err) != "" {
		t.Errorf("%v", err)
	}
	if names, err := c.ClusterNames(t.Context()); err != nil || !cmp.Equal(names, []string{"prod"}) {
		t.Errorf("%q, %v", names, err)
	}
}

func TestClusterNamesReadsAFewPages(t *testing.T) {
	t.Parallel()
	s := start(t, sandbox.Options{})
	for n := range 450 {
		s.SetCluster("c"+strings.Repeat("x", n), "ACTIVE")
	}
	names, err := client(t, s.AWSConfig()).ClusterNames(t.Context())
	if err != nil || len(names) != 300 || s.CallCount("", "") != maxClusterPages {
		t.Errorf("%d names, %v, %d calls", len(names), err, s.CallCount("", ""))
	}
	s.Inject(sandbox.Fault{Service: sandbox.ECS, Kind: sandbox.KindAccessDenied, Skip: 1})
	names, err = client(t, s.AWSConfig()).ClusterNames(t.Context())
	if len(names) != 100 || KindOf(err) != Denied {
		t.Errorf("%d names, %v", len(names), err)
	}
}

func TestContainerInstance(t *testing.T) {
	t.Parallel()
	s := everything(t)
	c := client(t, s.AWSConfig())
	arn := s.AddContainerInstance("prod", sandbox.ContainerInstance{EC2InstanceID: instanceID, Status: "REGISTRATION_FAILED",
		StatusReason: "why", AgentConnected: true})
	got, err := c.ContainerInstance(t.Context(), "prod", arn)
	want := ContainerInstance{ARN: arn, EC2InstanceID: instanceID, Status: "REGISTRATION_FAILED", StatusReason: "why", Connected: true}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	if _, err := c.ContainerInstance(t.Context(), "prod", "arn:other"); !errors.Is(err, ErrNoSuchInstance) || KindOf(err) != "" {
		t.Errorf("%v", err)
	}
	if _, err := c.ContainerInstance(t.Context(), "prdo", arn); !errors.Is(err, ErrNoSuchCluster) || KindOf(err) != "" {
		t.Errorf("%v", err)
	}
}

func TestGroupAndItsTags(t *testing.T) {
	t.Parallel()
	c := client(t, everything(t).AWSConfig())
	if g, err := c.Group(t.Context(), instanceID); err != nil || g != (Group{"workers", "Pending:Wait"}) {
		t.Errorf("%+v, %v", g, err)
	}
	if value, ok, err := c.GroupTag(t.Context(), "workers", "muster:cluster"); value != "prod" || !ok || err != nil {
		t.Errorf("%q, %v, %v", value, ok, err)
	}
	if _, ok, err := c.GroupTag(t.Context(), "workers", "other"); ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
	lone := client(t, start(t, sandbox.Options{}).AWSConfig())
	if g, err := lone.Group(t.Context(), instanceID); err != nil || g != (Group{}) {
		t.Errorf("%+v, %v", g, err)
	}
}

func TestHooks(t *testing.T) {
	t.Parallel()
	s := everything(t)
	c := client(t, s.AWSConfig())
	hook, err := c.Hook(t.Context(), "workers", "ready")
	if want := (Hook{"workers", "ready", 90 * time.Second, "ABANDON"}); hook != want || err != nil {
		t.Errorf("%+v, %v", hook, err)
	}
	for _, name := range []string{"raedy", "leave"} { // leave is not a launch hook
		if _, err := c.Hook(t.Context(), "workers", name); !errors.Is(err, ErrNoSuchHook) ||
			!strings.Contains(err.Error(), name+" in Auto Scaling group workers") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := c.Heartbeat(t.Context(), hook, instanceID); err != nil || s.Hook("ready").Heartbeats != 1 {
		t.Errorf("%v, %+v", err, s.Hook("ready"))
	}
	if err := c.Complete(t.Context(), hook, instanceID, "CONTINUE"); err != nil || s.Hook("ready").Result != "CONTINUE" {
		t.Errorf("%v, %+v", err, s.Hook("ready"))
	}
	for what, err := range map[string]error{
		"heartbeat": c.Heartbeat(t.Context(), hook, instanceID), "completion": c.Complete(t.Context(), hook, instanceID, "ABANDON"),
	} {
		if !errors.Is(err, ErrHookOver) || KindOf(err) != Failed {
			t.Errorf("%s of a hook that is over: %v", what, err)
		}
	}
	elsewhere := Hook{Group: "other", Name: "ready"}
	if err := c.Complete(t.Context(), elsewhere, instanceID, "CONTINUE"); err == nil || errors.Is(err, ErrHookOver) {
		t.Errorf("a group that does not exist: %v", err)
	}
}

func TestSetUnhealthy(t *testing.T) {
	t.Parallel()
	s := everything(t)
	c := client(t, s.AWSConfig())
	if err := c.SetUnhealthy(t.Context(), instanceID, false); err != nil || s.InstanceHealth() != "Unhealthy" {
		t.Errorf("%v, %s", err, s.InstanceHealth())
	}
	if grace := s.Calls()[0].Params["ShouldRespectGracePeriod"]; grace != "false" {
		t.Errorf("grace period respected: %q", grace)
	}
}

func TestSignals(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		success bool
		status  string
	}{"success": {true, "SUCCESS"}, "failure": {false, "FAILURE"}} {
		for _, scheme := range []string{"CFN_V1", "AWS4-HMAC-SHA256"} {
			t.Run(name+" by "+scheme, func(t *testing.T) {
				t.Parallel()
				s := everything(t)
				if err := sendBy(t, client(t, s.AWSConfig()), s, scheme, test.success); err != nil {
					t.Fatal(err)
				}
				got := s.Signals("stack")
				if len(got) != 1 || got[0].Status != test.status || got[0].Scheme != scheme || got[0].UniqueID != instanceID ||
					got[0].Resource != "Workers" {
					t.Errorf("%+v", got)
				}
			})
		}
	}
}

// sendBy sends a signal with the identity from the sandbox's metadata service, which the sandbox checks.
func sendBy(t *testing.T, c *Client, s *sandbox.Sandbox, scheme string, success bool) error {
	t.Helper()
	signal := signal
	signal.Success = success
	if scheme != "CFN_V1" {
		return c.SignalSigV4(t.Context(), signal)
	}
	document, signature, err := imds.New(s.IMDSURL(), time.Second).Signed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c.SignalIdentity(t.Context(), signal, document, signature)
}

func TestForgedIdentityIsDenied(t *testing.T) {
	t.Parallel()
	s := everything(t)
	err := client(t, s.AWSConfig()).SignalIdentity(t.Context(), signal, []byte(s.IdentityDocument()), "forged")
	if KindOf(err) != Denied || len(s.Signals("stack")) != 0 {
		t.Errorf("%v", err)
	}
}

func TestAStackThatIsNotWaiting(t *testing.T) {
	t.Parallel()
	for _, spelling := range []string{"can not be signaled", "cannot be signaled"} {
		for _, scheme := range []string{"CFN_V1", "AWS4-HMAC-SHA256"} {
			s := everything(t)
			s.Inject(sandbox.Fault{Service: sandbox.CloudFormation, Status: 400, Code: "ValidationError",
				Message: "Stack arn:x is in CREATE_COMPLETE state and " + spelling})
			if err := sendBy(t, client(t, s.AWSConfig()), s, scheme, true); !errors.Is(err, ErrNotWaiting) {
				t.Errorf("%s, %s: %v", spelling, scheme, err)
			}
		}
	}
	s := everything(t)
	other := signal
	other.Stack = "other"
	if err := client(t, s.AWSConfig()).SignalSigV4(t.Context(), other); err == nil || errors.Is(err, ErrNotWaiting) {
		t.Errorf("a stack that does not exist: %v", err)
	}
}

// The caller must know the result of each attempt.
func TestChangingCallsMakeOneAttempt(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]sandbox.Fault{
		"throttled": sandbox.Throttled("", "", 1), "failing": sandbox.ServerError("", "", 1), "reset": {Reset: true, Times: 1},
		"expired": {Kind: sandbox.KindExpiredToken, Times: 1},
	} {
		for action, act := range map[string]func(*Client, *sandbox.Sandbox) error{
			"heartbeat": func(c *Client, _ *sandbox.Sandbox) error {
				return c.Heartbeat(t.Context(), Hook{Group: "workers", Name: "ready"}, instanceID)
			},
			"completion": func(c *Client, _ *sandbox.Sandbox) error {
				return c.Complete(t.Context(), Hook{Group: "workers", Name: "ready"}, instanceID, "CONTINUE")
			},
			"signal by role":     func(c *Client, s *sandbox.Sandbox) error { return sendBy(t, c, s, "AWS4-HMAC-SHA256", true) },
			"signal by identity": func(c *Client, s *sandbox.Sandbox) error { return sendBy(t, c, s, "CFN_V1", true) },
		} {
			t.Run(name+"/"+action, func(t *testing.T) {
				t.Parallel()
				s := everything(t)
				s.Inject(fault)
				c := client(t, s.AWSConfig())
				if err := act(c, s); !MayPass(err) || c.Calls() != 1 {
					t.Errorf("%v after %d calls", err, c.Calls())
				}
				if err := act(c, s); err != nil {
					t.Errorf("the second attempt: %v", err)
				}
			})
		}
	}
}

func TestErrorsOfTheIdentitySignalAreDecoded(t *testing.T) {
	t.Parallel()
	const xmlError = `<ErrorResponse ` +
		`xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</` +
		`Message></Error></ErrorResponse>`
	for name, test := range map[string]struct {
		body string
		kind Kind
		says string
	}{
		"as JSON": {`{"Error":{"Code":"AccessDenied","Message":"no"},"RequestId":"1"}`, Denied, "AccessDenied: no"},
		"as XML":  {xmlError, Denied, "AccessDenied: no"},
		"empty":   {"", Failed, "HTTP status 403"},
		"a page":  {"<html>\x1b no", Failed, `\x1b`},
		"no code": {`{"Error":{}}`, Failed, "not an error document"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusForbidden)
				_, _ = w.Write([]byte(test.body))
			}))
			defer server.Close()
			err := client(t, aws.Config{Region: "eu-central-1", BaseEndpoint: aws.String(server.URL),
				Credentials: aws.AnonymousCredentials{}}).SignalIdentity(t.Context(), signal, nil, "")
			if KindOf(err) != test.kind || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%q: %v", KindOf(err), err)
			}
		})
	}
}

func TestSignalUsesTheSDKsEndpoint(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]string{"eu-central-1": "https://cloudformation.eu-central-1.amazonaws.com/",
		"cn-north-1": "https://cloudformation.cn-north-1.amazonaws.com.cn/"} {
		at, err := client(t, aws.Config{Region: region, Credentials: aws.AnonymousCredentials{}}).signalEndpoint(t.Context())
		if err != nil || at.String() != want {
			t.Errorf("%v, %v", at, err)
		}
	}
}

func TestOnlyAFailedCallHasAKind(t *testing.T) {
	t.Parallel()
	if named("a:B", nil) != nil || KindOf(nil) != "" || KindOf(errors.New("x")) != "" {
		t.Error("a kind from nowhere")
	}
}

func FuzzDecodeError(f *testing.F) {
	f.Add(400, []byte(`{"Error":{"Code":"ValidationError","Message":"Stack x cannot be signaled"}}`))
	f.Add(403, []byte(`<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>`))
	f.Add(500, []byte(""))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		err := signalError(named(signalAction, decodeError(status, body)))
		if err == nil || KindOf(err) == "" || len(err.Error()) > len(body)*8+400 {
			t.Errorf("%v", err)
		}
	})
}

// A dial that times out means that packets are dropped on the path (connect(2), ETIMEDOUT). A request without a
// response does not mean that.
func TestOnlyADialTimeoutBlamesTheNetworkPath(t *testing.T) {
	dial := &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}
	for err, blames := range map[error]bool{dial: true, context.DeadlineExceeded: false, os.ErrDeadlineExceeded: false} {
		text := named("ecs:DescribeContainerInstances", err).Error()
		if strings.Contains(text, "NAT gateway") != blames || !blames && strings.Contains(text, "cannot be reached") {
			t.Errorf("%v: %s", err, text)
		}
	}
}
