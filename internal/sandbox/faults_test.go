package sandbox_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"muster/internal/sandbox"
)

// oneCallEach makes one call to each service.
func oneCallEach(t *testing.T, c clients) map[string]error {
	ctx, text := t.Context(), "x"
	_, onECS := c.describeClusters(t)
	_, onEC2 := c.ec2.DescribeTags(ctx, &ec2.DescribeTagsInput{})
	_, onASG := c.asg.DescribeTags(ctx, &autoscaling.DescribeTagsInput{})
	_, onCFN := c.cfn.SignalResource(ctx, &cloudformation.SignalResourceInput{
		StackName: &text, LogicalResourceId: &text, UniqueId: &text, Status: cfntypes.ResourceSignalStatusSuccess})
	return map[string]error{
		sandbox.ECS: onECS, sandbox.EC2: onEC2, sandbox.AutoScaling: onASG, sandbox.CloudFormation: onCFN,
	}
}

func TestErrorFormatOfEveryService(t *testing.T) {
	for name, c := range map[string]struct {
		kind          sandbox.Kind
		ecs, ec2, asg string
	}{
		"access denied": {sandbox.KindAccessDenied, "AccessDeniedException", "UnauthorizedOperation", "AccessDenied"},
		"expired":       {sandbox.KindExpiredToken, "ExpiredTokenException", "RequestExpired", "ExpiredToken"},
		"throttled":     {sandbox.KindThrottled, "ThrottlingException", "RequestLimitExceeded", "Throttling"},
		"server":        {sandbox.KindServer, "ServerException", "InternalError", "InternalFailure"},
		"bad key":       {sandbox.KindUnknownKey, "UnrecognizedClientException", "AuthFailure", "InvalidClientTokenId"},
		"skewed":        {sandbox.KindSkewed, "InvalidSignatureException", "AuthFailure", "SignatureDoesNotMatch"},
		"no action":     {sandbox.KindUnknownAction, "UnknownOperationException", "InvalidAction", "InvalidAction"},
		"unsigned": {sandbox.KindNoCredentials,
			"MissingAuthenticationTokenException", "MissingAuthenticationToken", "MissingAuthenticationToken"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, sandbox.Options{})
			s.Inject(sandbox.Fault{Kind: c.kind})
			got := oneCallEach(t, sdk(t, s))
			wantCode(t, got[sandbox.ECS], c.ecs)
			wantCode(t, got[sandbox.EC2], c.ec2)
			wantCode(t, got[sandbox.AutoScaling], c.asg)
			wantCode(t, got[sandbox.CloudFormation], c.asg)
		})
	}
}

func TestAccessDeniedNamesTheAction(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.Inject(sandbox.AccessDenied(sandbox.ECS, "DescribeClusters"))
	_, err := sdk(t, s).describeClusters(t)
	if err == nil || !strings.Contains(err.Error(), "not authorized to perform: ecs:DescribeClusters") {
		t.Errorf("got %v", err)
	}
	if _, err := sdk(t, s).ecs.ListClusters(t.Context(), &ecs.ListClustersInput{}); err != nil {
		t.Errorf("another action is denied too: %v", err)
	}
	s.ClearFaults()
	if _, err := sdk(t, s).describeClusters(t); err != nil {
		t.Errorf("after clearing: %v", err)
	}
}

func TestFaultsEndAfterTimes(t *testing.T) {
	for name, f := range map[string]sandbox.Fault{
		"throttled": sandbox.Throttled(sandbox.ECS, "DescribeClusters", 2),
		"500":       sandbox.ServerError(sandbox.ECS, "DescribeClusters", 2),
		"skipped":   {Service: sandbox.ECS, Skip: 1, Times: 1, Kind: sandbox.KindExpiredToken},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, sandbox.Options{})
			s.Inject(f)
			c := sdk(t, s)
			var bad int
			for range 4 {
				if _, err := c.describeClusters(t); err != nil {
					bad++
				}
			}
			if bad != f.Times {
				t.Errorf("%d calls failed, want %d", bad, f.Times)
			}
			if _, err := c.describeClusters(t); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

func TestSDKRetriesAThrottledCall(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.Inject(sandbox.Throttled(sandbox.ECS, "", 1))
	out, err := sdk(t, s).ecs.DescribeClusters(t.Context(), &ecs.DescribeClustersInput{},
		func(o *ecs.Options) { o.RetryMaxAttempts = 2 })
	if err != nil || out == nil {
		t.Errorf("after a retry: %v", err)
	}
	calls := s.Calls()
	if len(calls) != 2 || calls[0].Code != "ThrottlingException" || calls[1].Status != 200 || calls[1].Code != "" {
		t.Errorf("calls: %+v", calls)
	}
}

func TestSDKCorrectsASkewedClock(t *testing.T) {
	for _, skew := range []time.Duration{time.Hour, -time.Hour} {
		s := start(t, sandbox.Options{})
		s.Inject(sandbox.ClockSkew(sandbox.ECS, skew))
		c := sdk(t, s)
		_, err := c.describeClusters(t)
		wantCode(t, err, "InvalidSignatureException")
		_, err = c.ecs.DescribeClusters(t.Context(), &ecs.DescribeClustersInput{},
			func(o *ecs.Options) { o.RetryMaxAttempts = 2 })
		if err != nil {
			t.Errorf("skew %s: not corrected: %v", skew, err)
		}
	}
}

func TestSmallSkewIsTolerated(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.Inject(sandbox.ClockSkew(sandbox.ECS, 4*time.Minute))
	if _, err := sdk(t, s).describeClusters(t); err != nil {
		t.Error(err)
	}
}

func TestBrokenResponsesAreSDKErrors(t *testing.T) {
	for name, f := range map[string]sandbox.Fault{
		"half":    {Cut: true},
		"reset":   {Reset: true},
		"garbage": {Body: `{"clusters": 7`},
		"other":   {Status: 418, Code: "TeapotException", Message: "short and stout"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, sandbox.Options{Clusters: []string{"prod"}})
			s.Inject(f)
			if _, err := sdk(t, s).describeClusters(t, "prod"); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestHangingCallEndsWithTheClientOrTheSandbox(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.Inject(sandbox.Fault{Service: sandbox.ECS, Times: 1, Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	c := sdk(t, s)
	if _, err := c.ecs.DescribeClusters(ctx, &ecs.DescribeClustersInput{}); err == nil {
		t.Error("a hanging call answered")
	}
	s.Inject(sandbox.Fault{Service: sandbox.EC2, Hang: true})
	failed := make(chan error, 1)
	go func() {
		_, err := c.ec2.DescribeTags(context.WithoutCancel(ctx), &ec2.DescribeTagsInput{})
		failed <- err
	}()
	await(t, "the call", func() bool { return s.CallCount(sandbox.EC2, "DescribeTags") == 1 })
	s.Close()
	if <-failed == nil {
		t.Error("a hanging call outlived the sandbox")
	}
}

func TestSlowCallWaitsForTheClock(t *testing.T) {
	clock := sandbox.NewManualClock()
	s := start(t, sandbox.Options{Clock: clock})
	s.Inject(sandbox.Fault{Service: sandbox.ECS, Delay: 7 * time.Second})
	c, done := sdk(t, s), make(chan error, 1)
	go func() {
		_, err := c.ecs.ListClusters(context.Background(), &ecs.ListClustersInput{})
		done <- err
	}()
	await(t, "the delay", func() bool { return clock.Waiting() == 1 })
	select {
	case err := <-done:
		t.Fatalf("answered before the time: %v", err)
	default:
	}
	clock.Advance(7 * time.Second)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
