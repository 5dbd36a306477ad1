package cli

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"muster/internal/awsapi"
	"muster/internal/base/exitcode"
	"muster/internal/sandbox"
)

// screens is a standard output that ends the command once it has enough screens.
type screens struct {
	text   strings.Builder
	enough int
	end    func()
}

func (s *screens) String() string { return s.text.String() }

func (s *screens) Write(p []byte) (int, error) {
	n, err := s.text.Write(p)
	if strings.Count(s.String(), "cluster prod in eu-west-1: ") >= s.enough {
		s.end()
	}
	return n, err
}

func TestAWatchPrintsTheClusterAgainUntilItIsInterrupted(t *testing.T) {
	box, err := sandbox.New(sandbox.Options{Root: t.TempDir(), Region: "eu-west-1", Clusters: []string{"prod"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	box.AddPeer("prod", "i-0aaaaaaaaaaaaaaa1", sandbox.Interface{ID: "eni-1", Addrs: []string{"10.0.1.21"}})
	ctx, end := context.WithCancel(t.Context())
	defer end()
	out := &screens{enough: 3, end: end}
	cmd := &cobra.Command{}
	cmd.SetContext(ctx)
	cmd.SetOut(out)
	cmd.SetErr(&bytes.Buffer{})
	s := &fleetSession{f: &fleetFlags{watch: time.Millisecond, output: "table"}, api: awsapi.FromConfig(box.AWSConfig()), cluster: "prod"}
	err = s.watches(cmd)
	if got := exitcode.Of(err); got != exitcode.Interrupted {
		t.Errorf("exit code %d: %v", got, err)
	}
	if heads := strings.Count(out.String(), ", every 1ms\n"); heads != 3 || strings.Count(out.String(), "i-0aaaaaaaaaaaaaaa1") < 3 {
		t.Errorf("%d headings in:\n%s", heads, out)
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("the screen is cleared although the output is no terminal")
	}
}
