package sandbox_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/smithy-go"
	"go.uber.org/goleak"

	"muster/internal/sandbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start starts a sandbox that is closed at the end of the test.
func start(t *testing.T, opts sandbox.Options) *sandbox.Sandbox {
	t.Helper()
	s, err := sandbox.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return s
}

// clients are SDK clients without retries, unless configured otherwise.
type clients struct {
	ecs *ecs.Client
	ec2 *ec2.Client
	asg *autoscaling.Client
	cfn *cloudformation.Client
}

func sdk(t *testing.T, s *sandbox.Sandbox) clients {
	t.Helper()
	cfg := s.AWSConfig()
	return connect(t, cfg)
}

func connect(t *testing.T, cfg aws.Config) clients {
	t.Helper()
	if cfg.HTTPClient == nil {
		transport := &http.Transport{}
		t.Cleanup(transport.CloseIdleConnections)
		cfg.HTTPClient = &http.Client{Transport: transport}
	}
	cfg.RetryMaxAttempts = 1
	return clients{
		ecs.NewFromConfig(cfg), ec2.NewFromConfig(cfg), autoscaling.NewFromConfig(cfg), cloudformation.NewFromConfig(cfg),
	}
}

func (c clients) describeClusters(t *testing.T, names ...string) (*ecs.DescribeClustersOutput, error) {
	return c.ecs.DescribeClusters(t.Context(), &ecs.DescribeClustersInput{Clusters: names})
}

// code returns the error code without the namespace prefix of CloudWatch's client.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()[strings.LastIndex(api.ErrorCode(), "#")+1:]
	}
	return ""
}

func wantCode(t *testing.T, err error, want string) {
	t.Helper()
	if code(err) != want {
		t.Errorf("got error %v, want code %s", err, want)
	}
}

// do sends one request without the SDK; a transport error returns status 0.
func do(t *testing.T, method, url string, header ...string) (int, string) {
	t.Helper()
	return doContext(t, t.Context(), method, url, header...)
}

func doContext(t *testing.T, ctx context.Context, method, url string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	transport := &http.Transport{} // no proxy, regardless of the machine's environment
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, err.Error()
	}
	return resp.StatusCode, string(body)
}

// await polls until ok, for at most ten seconds.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	late := time.After(10 * time.Second)
	for !ok() {
		select {
		case <-late:
			t.Fatalf("timed out waiting for %s", what)
		default:
			runtime.Gosched()
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func wantLine(t *testing.T, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Errorf("missing %q in:\n%s", part, text)
	}
}
