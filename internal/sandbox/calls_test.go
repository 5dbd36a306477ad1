package sandbox_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"muster/internal/sandbox"
)

func TestCallsAreLoggedWithTheirParameters(t *testing.T) {
	s := start(t, sandbox.Options{})
	c := sdk(t, s)
	_, _ = c.ecs.ListContainerInstances(t.Context(), &ecs.ListContainerInstancesInput{
		Cluster: aws.String("prod"), Filter: aws.String("ec2InstanceId == i-1"), MaxResults: aws.Int32(5)})
	_, _ = c.ec2.DescribeTags(t.Context(), &ec2.DescribeTagsInput{
		Filters: []types.Filter{{Name: aws.String("key"), Values: []string{"a", "b"}}}})

	got := s.Calls()
	if len(got) != 2 {
		t.Fatalf("logged %d calls, want 2", len(got))
	}
	list, tags := got[0], got[1]
	if list.Service != sandbox.ECS || list.Action != "ListContainerInstances" || list.Region != "eu-central-1" ||
		list.Status != 400 || list.Code != "ClusterNotFoundException" || time.Since(list.Time) > time.Minute {
		t.Errorf("first call: %+v", list)
	}
	if p := list.Params; p["cluster"] != "prod" || p["filter"] != "ec2InstanceId == i-1" || p["maxResults"] != "5" {
		t.Errorf("its parameters: %v", p)
	}
	if p := tags.Params; tags.Status != 200 || p["Filter.1.Name"] != "key" || p["Filter.1.Value.2"] != "b" {
		t.Errorf("second call: %+v", tags)
	}
}

func TestCallsAreCounted(t *testing.T) {
	s := start(t, sandbox.Options{})
	c := sdk(t, s)
	for range 3 {
		_, _ = c.describeClusters(t)
	}
	_, _ = c.ec2.DescribeTags(t.Context(), &ec2.DescribeTagsInput{})
	session(t, s)
	for name, v := range map[string]struct{ got, want int }{
		"action":  {s.CallCount(sandbox.ECS, "DescribeClusters"), 3},
		"service": {s.CallCount(sandbox.ECS, ""), 3},
		"all":     {s.CallCount("", ""), 4},
		"local":   {len(s.LocalRequests()), 1},
	} {
		if v.got != v.want {
			t.Errorf("%s: counted %d, want %d", name, v.got, v.want)
		}
	}
	s.ResetCalls()
	if s.CallCount("", "") != 0 || len(s.LocalRequests()) != 0 {
		t.Error("the logs are not empty after a reset")
	}
}

// raw posts an AWS request that no SDK would send.
func raw(t *testing.T, s *sandbox.Sandbox, body string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.APIURL(), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text)
}

const signed = "AWS4-HMAC-SHA256 Credential=ASIASANDBOXSANDBOX00/20260101/eu-central-1/x/aws4_request, Signature=0"

func TestInvalidRequestsAreRejected(t *testing.T) {
	const target = "AmazonEC2ContainerServiceV20141113."
	for name, c := range map[string]struct {
		body   string
		header []string
		status int
		want   string
	}{
		"unknown JSON service": {"{}", []string{"X-Amz-Target", "Nothing_1.Do"}, 400, "UnknownOperationException"},
		"unknown JSON action":  {"{}", []string{"X-Amz-Target", target + "Dance", "Authorization", signed}, 400, `\"Dance\"`},
		"unknown version":      {"Action=Dance&Version=1999-01-01", nil, 400, `\"Dance\"`},
		"unknown query action": {"Action=Dance&Version=2011-01-01", []string{"Authorization", signed}, 400, "<Code>InvalidAction</Code>"},
		"unsigned":             {"Action=DescribeTags&Version=2011-01-01", nil, 403, "MissingAuthenticationToken"},
		"another access key": {"{}", []string{"X-Amz-Target", target + "ListClusters", "Authorization",
			"AWS4-HMAC-SHA256 Credential=AKIAREAL/20260101/eu-central-1/ecs/aws4_request"}, 400, "UnrecognizedClientException"},
		"not JSON": {"[", []string{"X-Amz-Target", target + "ListClusters", "Authorization", signed}, 400, "SerializationException"},
		"nothing":  {"", nil, 400, "UnknownOperationException"},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := raw(t, start(t, sandbox.Options{}), c.body, c.header...)
			if status != c.status || !strings.Contains(body, c.want) {
				t.Errorf("got %d %s, want %d with %s", status, body, c.status, c.want)
			}
		})
	}
}
