package dockerapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

// childVariable is the environment variable that makes this test binary a process that makes one call.
const childVariable = "DOCKERAPI_TEST_CALL"

// childResult is the output of that process.
type childResult struct {
	Containers int
	Err        string
	PeakMB     int // VmHWM of proc_pid_status(5): peak resident memory
}

func beChild(call string) {
	var out childResult
	c, err := New(os.Getenv("DOCKERAPI_TEST_HOST"), time.Minute)
	if err == nil {
		err = out.make(c, call)
	}
	if err != nil {
		out.Err = err.Error()
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	var kB int
	_, peak, _ := bytes.Cut(status, []byte("VmHWM:"))
	if _, err := fmt.Fscan(bytes.NewReader(peak), &kB); err != nil {
		panic(err)
	}
	out.PeakMB = kB / 1000
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		panic(err)
	}
	os.Exit(0)
}

func (o *childResult) make(c *Client, call string) error {
	ctx := context.Background()
	switch call {
	case "list":
		list, err := c.List(ctx, true)
		o.Containers = len(list)
		return err
	case "inspect":
		_, _, err := c.Inspect(ctx, "a")
		return err
	}
	events, err := c.Events(ctx, time.Time{})
	if err != nil {
		return err
	}
	for _, err = range events {
	}
	return err
}

// listed is a list entry as Docker 20.10 returns it on an ECS instance.
const listed = `{"Id":"%064d","Names":["/ecs-web-12-web-%020d"],"Image":"123456789012.dkr.ecr.eu-central-1.amazonaws.com/web:1.2.3",` +
	`"ImageID":"sha256:0f1e","Command":"/docker-entrypoint.sh java","Created":1767323045,"Ports":[%s],"Labels":{` +
	`"com.amazonaws.ecs.cluster":"production-eu-central-1","com.amazonaws.ecs.container-name":"web",` +
	`"com.amazonaws.ecs.task-arn":"arn:aws:ecs:eu-central-1:123456789012:task/production-eu-central-1/0123456789abcdef0123456789abcdef",` +
	`"com.amazonaws.ecs.task-definition-family":"web","com.amazonaws.ecs.task-definition-version":"12"},` +
	`"State":"running","Status":"Up 2 hours (healthy)","HostConfig":{"NetworkMode":"default"},"NetworkSettings":{"Networks":{}},"Mounts":[]}`

// list writes n such containers, about 3 KiB each, or stops when the client disconnects.
func list(w io.Writer, n int) {
	port := `{"IP":"0.0.0.0","PrivatePort":8080,"PublicPort":32768,"Type":"tcp"},`
	ports := strings.TrimSuffix(strings.Repeat(port, 30), ",")
	var err error
	for i := 0; i < n && err == nil; i++ {
		_, _ = io.WriteString(w, []string{"[", ","}[min(i, 1)])
		_, err = fmt.Fprintf(w, listed, i, i, ports)
	}
	_, _ = io.WriteString(w, "]")
}

// endless writes up to 1 GiB of text, or stops when the client disconnects.
func endless(w io.Writer, before string) {
	_, err := io.WriteString(w, before)
	text := bytes.Repeat([]byte("x"), 1<<20)
	for n := 0; n < 1<<10 && err == nil; n++ {
		_, err = w.Write(text)
	}
}

// raceDetector reports whether this binary was built with the race detector.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// The agent's unit has MemoryMax=128M. Before the limits, an event without an end took 1 GB, and a list of 29 MB took
// 150 MB.
func TestWhateverTheEngineSendsTakesLittleMemory(t *testing.T) {
	if raceDetector() {
		t.Skip("the race detector multiplies memory; make test runs it without")
	}
	for name, test := range map[string]struct {
		call       string
		answer     func(io.Writer)
		containers int
		err        string
	}{
		"a list of 10,000 containers": {"list", func(w io.Writer) { list(w, 10_000) }, 10_000, ""},
		"a list without an end":       {"list", func(w io.Writer) { list(w, 1_000_000) }, 0, "muster keeps at most 8 MiB of the list"},
		"an entry of a list without an end": {"list", func(w io.Writer) { endless(w, `[{"Id":"a","Command":"`) }, 0,
			"an entry of the list has more than 4 MiB"},
		"labels without an end": {"list", func(w io.Writer) { endless(w, `[{"Id":"a","Labels":{"com.amazonaws.ecs.x":"`) }, 0,
			"an entry of the list has more than 4 MiB"},
		"an event without an end": {"events", func(w io.Writer) { endless(w, `{"Action":"start","x":"`) }, 0,
			"an event has more than 4 MiB"},
		"an inspection without an end": {"inspect", func(w io.Writer) { endless(w, `{"Id":"`) }, 0, "the response has more than 4 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Api-Version", "1.41")
				if r.URL.Path != "/_ping" {
					test.answer(w)
				}
			}))
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), childVariable+"="+test.call, "DOCKERAPI_TEST_HOST="+c.host)
			cmd.Stderr = os.Stderr
			stdout, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			var got childResult
			if err := json.Unmarshal(stdout, &got); err != nil {
				t.Fatal(err)
			}
			t.Logf("%+v", got)
			if got.Containers != test.containers || (got.Err == "") != (test.err == "") || !strings.Contains(got.Err, test.err) {
				t.Errorf("got %+v", got)
			}
			if got.PeakMB == 0 || got.PeakMB > 64 {
				t.Errorf("%d MB were resident", got.PeakMB)
			}
		})
	}
}
