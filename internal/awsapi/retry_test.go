package awsapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"

	"muster/internal/sandbox"
)

// References for the error responses.
const (
	bySDK      = "aws-sdk-go-v2, aws/retry, DefaultThrottleErrorCodes and DefaultRetryableErrorCodes"
	byBotocore = "botocore 1.43, retries/standard.py and data/_retry.json"
	byCommon   = "Auto Scaling and CloudFormation API references, Common Errors"
	byEC2      = "EC2 User Guide, Request throttling; botocore data/_retry.json, ec2"
	byASG      = "Auto Scaling API reference, errors of CompleteLifecycleAction"
	byCFN      = "CloudFormation answers SignalResource with a ValidationError for what is not there or does not wait"
	byBUS      = "EventBridge API reference, PutEventsResultEntry"
	byIAM      = "IAM user guide, Troubleshoot access denied error messages"
	byRFC      = "RFC 9110 and RFC 6585, status codes"
)

// Responses of AWS and of the network, whether the same call may succeed later, and whether it may have taken effect.
func TestWhichErrorsAreTransient(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status        int
		code          string
		passes, taken bool
		source        string
	}{
		{400, "Throttling", true, false, bySDK},
		{400, "ThrottlingException", true, false, byCommon},
		{400, "ThrottledException", true, false, byBotocore},
		{400, "RequestThrottled", true, false, bySDK},
		{400, "RequestThrottledException", true, false, byBotocore},
		{400, "ProvisionedThroughputExceededException", true, false, byBotocore},
		{400, "PriorRequestNotComplete", true, false, byBotocore},
		{503, "RequestLimitExceeded", true, false, byEC2},
		{400, "RequestLimitExceeded", true, false, bySDK},
		{503, "EC2ThrottledException", true, false, byEC2},
		{503, "SlowDown", true, false, bySDK},
		{509, "BandwidthLimitExceeded", true, false, bySDK},
		{429, "TooManyRequestsException", true, false, bySDK},
		{429, "", true, false, byRFC},
		{429, "AnythingElse", true, false, byBotocore},
		{500, "InternalFailure", true, true, byCommon},
		{500, "ResourceContention", true, true, byASG},
		{503, "ServiceUnavailable", true, true, byCommon},
		{500, "", true, true, byBotocore},
		{502, "", true, true, byBotocore},
		{503, "", true, true, byBotocore},
		{504, "", true, true, byBotocore},
		{400, "RequestTimeout", true, true, bySDK},
		{408, "RequestTimeoutException", true, true, byBotocore},
		{400, "RequestAbortedException", true, true, "AWS Common Errors: aborted before a reply was sent back"},
		{0, "InternalFailure", true, true, byBUS},
		{0, "ThrottlingException", true, false, byBUS},
		{0, "InvalidArgument", false, false, byBUS},
		{0, "NotAuthorizedForSourceException", false, false, byBUS},
		{400, "RequestExpired", true, false, byCommon},
		{403, "SignatureDoesNotMatch", true, false, "aws-sdk-go-v2, aws/retry, clockSkewCodes"},
		{403, "RequestTimeTooSkewed", true, false, "aws-sdk-go-v2, aws/retry, clockSkewCodes"},
		{403, "ExpiredToken", true, false, "AWS Common Errors; passes with new credentials"},
		{400, "ExpiredTokenException", true, false, "AWS Common Errors; passes with new credentials"},
		{403, "AccessDenied", false, false, byIAM},
		{400, "AccessDeniedException", false, false, byCommon},
		{403, "UnauthorizedOperation", false, false, byIAM},
		{403, "InvalidClientTokenId", false, false, byCommon},
		{400, "ValidationError", false, false, byCFN},
		{404, "", false, false, byRFC},
		{403, "", false, false, byRFC},
		{407, "", false, false, byRFC},
	} {
		t.Run(fmt.Sprint(c.status, " ", c.code), func(t *testing.T) {
			t.Parallel()
			err := error(&statusError{c.status, errors.New("no document")})
			switch {
			case c.status == 0:
				err = coded("events:PutEvents", c.code, "message")
			case c.code != "":
				err = named(signalAction, &statusError{c.status, decodeError(c.status, fmt.Appendf(nil, `{"Error": {"Code": %q, "Message": "message"}}`,
					c.code))})
			default:
				err = named(signalAction, err)
			}
			if MayPass(err) != c.passes || MayHaveBeenTaken(err) != c.taken {
				t.Errorf("%v (%s): passes %v, may have been taken %v; by %s", err, KindOf(err), MayPass(err), MayHaveBeenTaken(err), c.source)
			}
		})
	}
}

// Without a response, the question is whether there was a connection.
func TestWhichNetworkErrorsMayHaveTakenEffect(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err           error
		passes, taken bool
	}{
		"refused":             {&net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}, true, false},
		"no route":            {&net.OpError{Op: "dial", Net: "tcp", Err: syscall.EHOSTUNREACH}, true, false},
		"dial timeout":        {&net.OpError{Op: "dial", Net: "tcp", Err: context.DeadlineExceeded}, true, false},
		"no such name":        {&net.DNSError{Err: "no such host", Name: "x", IsNotFound: true}, true, false},
		"reset":               {&net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}, true, true},
		"no response in time": {context.DeadlineExceeded, true, true},
		"half of the answer":  {errors.New("unexpected EOF"), true, true},
		"no more descriptors": {&net.OpError{Op: "dial", Net: "tcp", Err: syscall.EMFILE}, true, false},
		"interrupted":         {context.Canceled, false, true},
		"no credentials yet":  {&credentialsError{context.DeadlineExceeded}, true, false},
		"an error of no call": {nil, false, false},
	} {
		err := named(signalAction, c.err)
		if c.err == nil {
			err = errors.New("not a call")
		}
		if MayPass(err) != c.passes || MayHaveBeenTaken(err) != c.taken {
			t.Errorf("%s: %v (%s): passes %v, may have been taken %v", name, err, KindOf(err), MayPass(err), MayHaveBeenTaken(err))
		}
	}
}

// Waiting does not help an instance that has no role.
func TestAnInstanceWithoutARoleIsNotRetried(t *testing.T) {
	s := start(t, sandbox.Options{NoRole: true})
	if _, err := live(t, s).ClusterStatus(t.Context(), "prod"); KindOf(err) != NoIdentity || MayPass(err) {
		t.Error(err)
	}
}

// rotating is a credentials provider that counts its calls.
type rotating struct {
	aws.CredentialsProvider
	asked atomic.Int32
}

func (r *rotating) Retrieve(ctx context.Context) (aws.Credentials, error) {
	r.asked.Add(1)
	found, err := r.CredentialsProvider.Retrieve(ctx)
	found.CanExpire, found.Expires = true, time.Now().Add(6*time.Hour)
	return found, err
}

// The instance gets new credentials before the old ones expire. An instance that was stopped, or had a wrong clock, may
// still hold expired ones.
func TestExpiredCredentialsAreReadAgain(t *testing.T) {
	t.Parallel()
	put := func(c *Client) error {
		return c.PutMetricData(t.Context(), "Muster", time.Now(), []Datum{{Name: "X", Unit: "Count", Value: 1}})
	}
	for name, c := range map[string]struct {
		expired      int
		call         func(*Client) error
		calls, reads int
		passes       bool
	}{
		"a lookup goes on":           {1, func(c *Client) error { _, err := c.ClusterStatus(t.Context(), "prod"); return err }, 2, 2, true},
		"a lookup is refused thrice": {9, func(c *Client) error { _, err := c.ClusterStatus(t.Context(), "prod"); return err }, 3, 3, false},
		"a signal, at its next try": {1, func(c *Client) error {
			_ = c.SignalSigV4(t.Context(), signal)
			return c.SignalSigV4(t.Context(), signal)
		}, 2, 2, true},
		"metrics, at their next try": {1, func(c *Client) error { _ = put(c); return put(c) }, 2, 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := everything(t)
			s.Inject(sandbox.Fault{Kind: sandbox.KindExpiredToken, Times: c.expired})
			cfg := s.AWSConfig()
			provider := &rotating{CredentialsProvider: cfg.Credentials}
			cfg.Credentials = provider
			client := client(t, cfg)
			err := c.call(client)
			if (err == nil) != c.passes || client.Calls() != c.calls || int(provider.asked.Load()) != c.reads {
				t.Errorf("%v after %d calls and %d reads", err, client.Calls(), provider.asked.Load())
			}
		})
	}
}

// The SDK corrects a wrong clock with the Date header of the first response (clock skew correction), also for calls
// that make only one attempt.
func TestAWrongClockCostsOneAttempt(t *testing.T) {
	t.Parallel()
	s := everything(t)
	s.Inject(sandbox.ClockSkew(sandbox.CloudFormation, time.Hour))
	c := client(t, s.AWSConfig())
	if err := c.SignalSigV4(t.Context(), signal); KindOf(err) != ClockSkew || !MayPass(err) {
		t.Errorf("%v", err)
	}
	if err := c.SignalSigV4(t.Context(), signal); err != nil || c.Calls() != 2 {
		t.Errorf("%v after %d calls", err, c.Calls())
	}
}

// Redirects are not followed, because the identity document would be sent to another host.
func TestTheIdentitySignalFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	s := everything(t)
	s.Inject(sandbox.Fault{Service: sandbox.CloudFormation, Status: http.StatusFound, Code: "Found"})
	c := client(t, s.AWSConfig())
	if err := sendBy(t, c, s, "CFN_V1", true); err == nil || c.Calls() != 1 {
		t.Errorf("%v after %d calls", err, c.Calls())
	}
}

// A call of WithoutThrottleRetries is sent once if it is throttled, and three times through another
// failure that may pass.
func TestAThrottledCallIsNotRepeatedWhereTheCallerDoes(t *testing.T) {
	for name, c := range map[string]struct {
		fault sandbox.Fault
		ctx   func(context.Context) context.Context
		calls int
	}{
		"throttled":            {sandbox.Throttled(sandbox.ECS, "", 0), WithoutThrottleRetries, 1},
		"throttled, as usual":  {sandbox.Throttled(sandbox.ECS, "", 0), func(ctx context.Context) context.Context { return ctx }, 3},
		"a failing server":     {sandbox.ServerError(sandbox.ECS, "", 0), WithoutThrottleRetries, 3},
		"a refused permission": {sandbox.AccessDenied(sandbox.ECS, ""), WithoutThrottleRetries, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := sandbox.New(sandbox.Options{Clusters: []string{"prod"}})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			s.Inject(c.fault)
			cfg := s.AWSConfig()
			cfg.Retryer = func() aws.Retryer {
				return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = time.Millisecond })
			}
			api := FromConfig(cfg)
			if _, err := api.ClusterStatus(c.ctx(t.Context()), "prod"); err == nil {
				t.Error("no error")
			}
			if n := s.CallCount(sandbox.ECS, ""); n != c.calls {
				t.Errorf("%d calls, want %d", n, c.calls)
			}
		})
	}
}
