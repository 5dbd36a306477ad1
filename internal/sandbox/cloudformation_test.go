package sandbox_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"muster/internal/sandbox"
)

// cfnSignal sends a signal like cfn-signal, with the values from IMDS.
func cfnSignal(t *testing.T, s *sandbox.Sandbox, authorization string, change ...string) (int, map[string]any) {
	t.Helper()
	q := url.Values{
		"Action": {"SignalResource"}, "Version": {"2010-05-15"}, "ContentType": {"JSON"}, "StackName": {"web"},
		"LogicalResourceId": {"Workers"}, "UniqueId": {"i-0123456789abcdef0"}, "Status": {"SUCCESS"},
	}
	for i := 0; i+1 < len(change); i += 2 {
		q.Set(change[i], change[i+1])
	}
	status, body := do(t, http.MethodGet, s.APIURL()+"/?"+q.Encode(),
		"Authorization", authorization, "Accept", "application/json")
	var out map[string]any
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		t.Fatalf("not JSON: %s", body)
	}
	return status, out
}

func cfnV1(t *testing.T, s *sandbox.Sandbox) string {
	t.Helper()
	_, document := get(t, s, "dynamic/instance-identity/document")
	_, signature := get(t, s, "dynamic/instance-identity/signature")
	return "CFN_V1 " + base64.StdEncoding.EncodeToString([]byte(document)) + ":" + strings.ReplaceAll(signature, "\n", "")
}

func stacks() sandbox.Options {
	return sandbox.Options{Stacks: map[string][]string{"web": {"Workers", "Gate"}}}
}

func signal(t *testing.T, s *sandbox.Sandbox, stack, resource string, status types.ResourceSignalStatus) error {
	id := "i-0123456789abcdef0"
	_, err := sdk(t, s).cfn.SignalResource(t.Context(), &cloudformation.SignalResourceInput{
		StackName: &stack, LogicalResourceId: &resource, UniqueId: &id, Status: status})
	return err
}

func TestSignalSignedByIdentityDocument(t *testing.T) {
	s := start(t, stacks())
	status, body := cfnSignal(t, s, cfnV1(t, s))
	if _, ok := body["SignalResourceResponse"]; status != 200 || !ok {
		t.Errorf("got %d %v", status, body)
	}
	got := s.Signals("web")
	if len(got) != 1 || got[0].Scheme != "CFN_V1" || got[0].Status != "SUCCESS" || got[0].UniqueID != "i-0123456789abcdef0" {
		t.Errorf("signals: %+v", got)
	}
	if n := s.CallCount(sandbox.CloudFormation, "SignalResource"); n != 1 {
		t.Errorf("logged %d calls, want 1", n)
	}
}

func TestForgedIdentityIsRejected(t *testing.T) {
	s := start(t, stacks())
	good := cfnV1(t, s)
	document, signature, _ := strings.Cut(strings.TrimPrefix(good, "CFN_V1 "), ":")
	forged := base64.StdEncoding.EncodeToString([]byte(`{"instanceId": "i-evil"}`))
	for name, authorization := range map[string]string{
		"other document":  "CFN_V1 " + forged + ":" + signature,
		"other signature": "CFN_V1 " + document + ":" + signature[1:],
		"no signature":    "CFN_V1 " + document,
		"not base64":      "CFN_V1 %%%:" + signature,
	} {
		t.Run(name, func(t *testing.T) {
			status, body := cfnSignal(t, s, authorization)
			problem, _ := body["Error"].(map[string]any)
			if status != 403 || problem["Code"] != "AccessDenied" {
				t.Errorf("got %d %v", status, body)
			}
		})
	}
	if got := s.Signals("web"); len(got) != 0 {
		t.Errorf("accepted: %+v", got)
	}
}

func TestCFNV1IsOnlyForCloudFormation(t *testing.T) {
	s := start(t, stacks())
	status, _ := do(t, http.MethodGet, s.APIURL()+"/?Action=DescribeTags&Version=2011-01-01", "Authorization", cfnV1(t, s))
	if status != 403 {
		t.Errorf("status %d, want 403", status)
	}
}

func TestStackCompletesAfterAllSignals(t *testing.T) {
	s := start(t, stacks())
	if err := signal(t, s, "web", "Workers", types.ResourceSignalStatusSuccess); err != nil {
		t.Fatal(err)
	}
	if got := s.StackStatus("web"); got != "CREATE_IN_PROGRESS" {
		t.Errorf("after one of two: %s", got)
	}
	arn := "arn:aws:cloudformation:eu-central-1:123456789012:stack/web/0a1b"
	if err := signal(t, s, arn, "Gate", types.ResourceSignalStatusSuccess); err != nil {
		t.Errorf("by ARN: %v", err)
	}
	if got := s.StackStatus("web"); got != "CREATE_COMPLETE" {
		t.Errorf("after both: %s", got)
	}
	if got := s.Signals("web"); len(got) != 2 || got[0].Scheme != "AWS4-HMAC-SHA256" {
		t.Errorf("signals: %+v", got)
	}
	err := signal(t, s, "web", "Gate", types.ResourceSignalStatusSuccess)
	wantCode(t, err, "ValidationError")
	if err == nil || !strings.Contains(err.Error(), "is in CREATE_COMPLETE state and cannot be signaled") {
		t.Errorf("got %v", err)
	}
}

func TestFailureSignalRollsBackTheStack(t *testing.T) {
	s := start(t, stacks())
	if err := signal(t, s, "web", "Workers", types.ResourceSignalStatusFailure); err != nil {
		t.Fatal(err)
	}
	if got := s.StackStatus("web"); got != "ROLLBACK_IN_PROGRESS" {
		t.Errorf("status %s", got)
	}
}

func TestInvalidSignalsAreRejected(t *testing.T) {
	s := start(t, stacks())
	wantCode(t, signal(t, s, "web", "Nothing", types.ResourceSignalStatusSuccess), "ValidationError")
	wantCode(t, signal(t, s, "web", "Workers", "PERHAPS"), "ValidationError")
	status, body := cfnSignal(t, s, cfnV1(t, s), "UniqueId", "")
	if problem, _ := body["Error"].(map[string]any); status != 400 || problem["Code"] != "ValidationError" {
		t.Errorf("without a UniqueId: %d %v", status, body)
	}
	if s.Signals("none") != nil || s.StackStatus("none") != "" {
		t.Error("an unknown stack has a state")
	}
}
