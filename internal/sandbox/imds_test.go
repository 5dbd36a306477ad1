package sandbox_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"

	"muster/internal/sandbox"
)

const (
	ttl   = "X-aws-ec2-metadata-token-ttl-seconds"
	token = "X-aws-ec2-metadata-token"
)

func session(t *testing.T, s *sandbox.Sandbox) string {
	t.Helper()
	status, body := do(t, http.MethodPut, s.IMDSURL()+sandbox.TokenPath, ttl, "60")
	if status != http.StatusOK {
		t.Fatalf("token: status %d: %s", status, body)
	}
	return body
}

func get(t *testing.T, s *sandbox.Sandbox, path string) (int, string) {
	t.Helper()
	return do(t, http.MethodGet, s.IMDSURL()+"/latest/"+path, token, session(t, s))
}

func TestIMDSTokenRules(t *testing.T) {
	s := start(t, sandbox.Options{})
	for name, c := range map[string]struct {
		method string
		header []string
		want   int
	}{
		"without a TTL":      {http.MethodPut, nil, 400},
		"TTL not a number":   {http.MethodPut, []string{ttl, "soon"}, 400},
		"TTL of nothing":     {http.MethodPut, []string{ttl, "0"}, 400},
		"TTL over six hours": {http.MethodPut, []string{ttl, "21601"}, 400},
		"TTL of six hours":   {http.MethodPut, []string{ttl, "21600"}, 200},
		"through a proxy":    {http.MethodPut, []string{ttl, "60", "X-Forwarded-For", "10.0.0.1"}, 403},
		"by GET":             {http.MethodGet, []string{ttl, "60"}, 405},
	} {
		t.Run(name, func(t *testing.T) {
			if got, body := do(t, c.method, s.IMDSURL()+sandbox.TokenPath, c.header...); got != c.want {
				t.Errorf("status %d, want %d: %s", got, c.want, body)
			}
		})
	}
}

func TestIMDSNeedsAValidToken(t *testing.T) {
	clock := sandbox.NewManualClock()
	s := start(t, sandbox.Options{Clock: clock})
	url := s.IMDSURL() + "/latest/meta-data/instance-id"
	if got, _ := do(t, http.MethodGet, url); got != 401 {
		t.Errorf("without a token: status %d, want 401", got)
	}
	if got, _ := do(t, http.MethodGet, url, token, "made-up"); got != 401 {
		t.Errorf("with a made-up token: status %d, want 401", got)
	}
	issued := session(t, s)
	if got, body := do(t, http.MethodGet, url, token, issued); got != 200 || body != "i-0123456789abcdef0" {
		t.Errorf("with a token: %d %q", got, body)
	}
	clock.Advance(61 * time.Second)
	if got, _ := do(t, http.MethodGet, url, token, issued); got != 401 {
		t.Errorf("with an expired token: status %d, want 401", got)
	}
}

func TestIMDSServesTheInstance(t *testing.T) {
	s := start(t, sandbox.Options{
		InstanceTags: map[string]string{"Name": "web-1"}, TagsInIMDS: true, UserData: "#!/bin/sh\n",
		Group: &sandbox.Group{Name: "workers", TargetState: "Warmed:Stopped"},
	})
	for path, want := range map[string]string{
		"meta-data/instance-id":                                                  "i-0123456789abcdef0",
		"meta-data/placement/region":                                             "eu-central-1",
		"meta-data/placement/availability-zone":                                  "eu-central-1a",
		"meta-data/instance-type":                                                "m7i.large",
		"meta-data/local-ipv4":                                                   "10.0.1.17",
		"meta-data/services/domain":                                              "amazonaws.com",
		"meta-data/iam/security-credentials/":                                    "muster-sandbox",
		"meta-data/tags/instance/":                                               "Name\naws:autoscaling:groupName",
		"meta-data/tags/instance/Name":                                           "web-1",
		"meta-data/tags/instance/aws:autoscaling:groupName":                      "workers",
		"meta-data/autoscaling/target-lifecycle-state":                           "Warmed:Stopped",
		"meta-data/network/interfaces/macs/":                                     "0a:12:34:56:78:9a/",
		"meta-data/network/interfaces/macs/0a:12:34:56:78:9a/subnet-id":          "subnet-0aa11bb22cc33dd44",
		"meta-data/network/interfaces/macs/0a:12:34:56:78:9a/vpc-id":             "vpc-0aa11bb22cc33dd44",
		"meta-data/network/interfaces/macs/0a:12:34:56:78:9a/interface-id":       "eni-0aa11bb22cc33dd44",
		"meta-data/network/interfaces/macs/0a:12:34:56:78:9a/security-group-ids": "sg-0aa11bb22cc33dd44",
		"user-data": "#!/bin/sh\n",
	} {
		if status, body := get(t, s, path); status != 200 || body != want {
			t.Errorf("%s: got %d %q, want %q", path, status, body, want)
		}
	}
	if _, body := get(t, s, "dynamic/instance-identity/signature"); strings.Count(body, "\n") != 2 {
		t.Errorf("signature is not three lines: %q", body)
	}
}

func TestIMDSReturns404ForMissingProperties(t *testing.T) {
	s := start(t, sandbox.Options{InstanceTags: map[string]string{"Name": "web-1"}, NoRole: true})
	for _, path := range []string{
		"meta-data/tags/instance/", "meta-data/tags/instance/Name", // tags in metadata not allowed
		"meta-data/autoscaling/target-lifecycle-state",              // outside a group
		"meta-data/iam/info", "meta-data/iam/security-credentials/", // no instance profile
		"user-data", "meta-data/nonsense", "dynamic/instance-identity/pkcs7",
	} {
		if status, _ := get(t, s, path); status != 404 {
			t.Errorf("%s: status %d, want 404", path, status)
		}
	}
}

func TestIMDSTargetStateChanges(t *testing.T) {
	s := start(t, sandbox.Options{Group: &sandbox.Group{Name: "workers"}})
	const path = "meta-data/autoscaling/target-lifecycle-state"
	if _, body := get(t, s, path); body != "InService" {
		t.Errorf("got %q, want InService", body)
	}
	s.SetTargetState("Terminated")
	if _, body := get(t, s, path); body != "Terminated" {
		t.Errorf("got %q, want Terminated", body)
	}
}

func TestIMDSFaults(t *testing.T) {
	const metadata = "/latest/meta-data"
	for name, c := range map[string]struct {
		fault  sandbox.Fault
		status int    // of the first request
		body   string // part of it
	}{
		"401 on a path":   {sandbox.Fault{Service: sandbox.IMDS, Action: metadata, Status: 401}, 401, ""},
		"404 on a path":   {sandbox.Fault{Service: sandbox.IMDS, Action: metadata, Status: 404}, 404, ""},
		"500 on any path": {sandbox.Fault{Service: sandbox.IMDS, Action: metadata, Status: 500, Times: 1}, 500, ""},
		"garbage":         {sandbox.Fault{Service: sandbox.IMDS, Action: metadata, Body: "<html>"}, 200, "<html>"},
		"half an answer":  {sandbox.Fault{Service: sandbox.IMDS, Action: metadata, Cut: true}, 200, "unexpected EOF"},
		"reset":           {sandbox.Fault{Service: sandbox.IMDS, Action: metadata, Reset: true}, 0, "reset"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, sandbox.Options{})
			s.Inject(c.fault)
			status, body := get(t, s, "meta-data/instance-id")
			if status != c.status || !strings.Contains(body, c.body) {
				t.Errorf("got %d %q, want %d %q", status, body, c.status, c.body)
			}
		})
	}
}

func TestIMDSDisabledReturns403ForTheToken(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.Inject(sandbox.IMDSDisabled())
	if status, _ := do(t, http.MethodPut, s.IMDSURL()+sandbox.TokenPath, ttl, "60"); status != 403 {
		t.Errorf("status %d, want 403", status)
	}
}

func TestIMDSHopLimitHangsTheTokenRequest(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.Inject(sandbox.HopLimit())
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if status, body := doContext(t, ctx, http.MethodPut, s.IMDSURL()+sandbox.TokenPath, ttl, "60"); status != 0 {
		t.Errorf("got %d %q, want no answer", status, body)
	}
	if got := s.LocalRequests(); len(got) != 1 || got[0].Service != sandbox.IMDS || got[0].Method != "PUT" {
		t.Errorf("local requests: %+v", got)
	}
}

func TestIMDSComesUpAtTheNthRequest(t *testing.T) {
	s := start(t, sandbox.Options{})
	s.Inject(sandbox.Fault{Service: sandbox.IMDS, Action: sandbox.TokenPath, Times: 2, Reset: true})
	for i, want := range []int{0, 0, 200} {
		if got, _ := do(t, http.MethodPut, s.IMDSURL()+sandbox.TokenPath, ttl, "60"); got != want {
			t.Errorf("request %d: status %d, want %d", i+1, got, want)
		}
	}
}

func TestIMDSRefusesWhileDownAndComesUpLate(t *testing.T) {
	clock := sandbox.NewManualClock()
	s := start(t, sandbox.Options{Clock: clock})
	s.IMDSDown()
	if status, body := do(t, http.MethodPut, s.IMDSURL()+sandbox.TokenPath, ttl, "60"); !strings.Contains(body, "refused") {
		t.Errorf("down: got %d %q, want refused", status, body)
	}
	if err := s.IMDSUp(); err != nil {
		t.Fatal(err)
	}
	session(t, s)
	s.IMDSDown()
	up := s.IMDSUpAfter(5 * time.Second)
	select {
	case <-up:
		t.Error("came up at once")
	default:
	}
	clock.Advance(5 * time.Second)
	<-up
	session(t, s)
}

func TestIMDSWorksWithTheSDK(t *testing.T) {
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
		"AWS_SESSION_TOKEN", "AWS_CA_BUNDLE", "AWS_EC2_METADATA_DISABLED", "AWS_WEB_IDENTITY_TOKEN_FILE",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"} {
		t.Setenv(name, "") // restores it after the test
		os.Unsetenv(name)
	}
	s := start(t, sandbox.Options{Clusters: []string{"prod"}})
	for _, kv := range s.Environ() {
		k, v, _ := strings.Cut(kv, "=")
		t.Setenv(k, v)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithEC2IMDSRegion(),
		config.WithHTTPClient(&http.Client{Transport: transport}))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Region != "eu-central-1" {
		t.Errorf("region from the IMDS: %q", cfg.Region)
	}
	if _, err := connect(t, cfg).describeClusters(t, "prod"); err != nil {
		t.Errorf("a call with the role's credentials: %v", err)
	}
	client := imds.NewFromConfig(cfg)
	doc, err := client.GetInstanceIdentityDocument(t.Context(), nil)
	if err != nil || doc.InstanceID != "i-0123456789abcdef0" || doc.AccountID != "123456789012" {
		t.Errorf("identity document: %+v, %v", doc, err)
	}
	info, err := client.GetIAMInfo(t.Context(), nil)
	if err != nil || info.Code != "Success" {
		t.Errorf("IAM info: %+v, %v", info, err)
	}
	out, err := client.GetMetadata(t.Context(), &imds.GetMetadataInput{Path: "mac"})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Content.Close()
	if body, _ := io.ReadAll(out.Content); string(body) != "0a:12:34:56:78:9a" {
		t.Errorf("mac: %q", body)
	}
}
