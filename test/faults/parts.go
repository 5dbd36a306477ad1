//go:build linux

package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"muster/internal/sandbox/dockerd"
	"muster/test/field/fieldcase"
)

// fresh is an instance that boots for the first time: the ECS agent has not started,
// and there is no ecs.config.
func fresh(c *fieldcase.Case) {
	c.Absent = append(c.Absent, ecsConfig)
	c.Agent = fieldcase.Agent{}
}

// notStarted is an instance with an ecs.config whose ECS agent has never started.
func notStarted(c *fieldcase.Case) { c.Agent = fieldcase.Agent{} }

// booting is an instance whose user data still runs.
func booting(c *fieldcase.Case) {
	c.Systemd = map[string]fieldcase.Unit{"ecs.service": {State: "inactive", Job: "waiting"}, "cloud-final.service": {State: "activating"}}
}

// both combines two descriptions of an instance.
func both(all ...func(*fieldcase.Case)) func(*fieldcase.Case) {
	return func(c *fieldcase.Case) {
		for _, with := range all {
			with(c)
		}
	}
}

// Names of what waits for the instance.
const (
	group      = "workers"
	hook       = "joined"
	stack      = "fleet"
	resource   = "Group"
	hookFlag   = " --lifecycle-hook " + hook
	stackFlags = " --cfn-stack " + stack + " --cfn-resource " + resource
)

// inGroup puts the instance into an Auto Scaling group that waits at a launch hook, and
// into a stack that waits for a signal.
func inGroup(c *fieldcase.Case) {
	c.Instance.Group = &fieldcase.Group{Name: group, Hooks: []string{hook}}
	c.Instance.Stacks = map[string][]string{stack: {resource}}
}

// joins notes it unless ecs.config names the cluster prod.
func (r *rig) joins() {
	r.want(strings.Contains(r.read(ecsConfig), "ECS_CLUSTER=prod\n"), "%s does not name the cluster: %q", ecsConfig, r.read(ecsConfig))
}

// untouched notes it unless there is no ecs.config: nothing was decided.
func (r *rig) untouched() {
	r.want(r.read(ecsConfig) == "", "%s was written: %q", ecsConfig, r.read(ecsConfig))
}

// in lets something happen later.
func (r *rig) in(d time.Duration, do func() error) {
	time.AfterFunc(d, func() { _ = do() })
}

// container starts a container of a task of prod.
func (r *rig) container() (id string) {
	const name = "web"
	return r.Engine().Run(dockerd.Spec{Name: name, Check: true, Labels: map[string]string{
		"com.amazonaws.ecs.cluster":                "prod",
		"com.amazonaws.ecs.task-arn":               "arn:aws:ecs:eu-central-1:123456789012:task/prod/" + name,
		"com.amazonaws.ecs.container-name":         name,
		"com.amazonaws.ecs.task-definition-family": "web",
	}})
}

// trap is a server to which nothing may come. It counts.
type trap struct{ hits atomic.Int64 }

// trapHost is where redirect leads.
const trapHost = "127.0.0.9"

func (r *rig) trap() *trap {
	t := &trap{}
	l, err := net.Listen("tcp", trapHost+":80")
	r.broken(err)
	go func() {
		_ = (&http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.hits.Add(1) })}).Serve(l)
	}()
	return t
}

// Middlewares, for Front.Use.

func redirect(http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "http://"+trapHost+r.URL.Path)
		w.WriteHeader(http.StatusFound)
	})
}

// answers answers everything alike.
func answers(status int, kind, body string) func(http.Handler) http.Handler {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		})
	}
}

const (
	html   = "text/html"
	portal = "<!DOCTYPE html><html><head><title>Guest Wi-Fi</title></head><body>Please log in</body></html>"
)

// first spoils the first n requests.
func first(n int64, spoil func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	var seen atomic.Int64
	return func(behind http.Handler) http.Handler {
		bad := spoil(behind)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if seen.Add(1) <= n {
				bad.ServeHTTP(w, r)
				return
			}
			behind.ServeHTTP(w, r)
		})
	}
}

// at spoils the requests whose path contains a text.
func at(text string, spoil func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	return func(behind http.Handler) http.Handler {
		bad := spoil(behind)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, text) {
				bad.ServeHTTP(w, r)
				return
			}
			behind.ServeHTTP(w, r)
		})
	}
}

// hangs takes requests and answers none.
func hangs(http.Handler) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
}

// dribbles sends an answer that never ends, a byte at a time.
func dribbles(http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, " "); err != nil || c.Flush() != nil {
				return
			}
			wait(300 * time.Millisecond)
		}
	})
}

// cuts sends the head of an answer and the beginning of its body, then hangs up.
func cuts(begins string) func(http.Handler) http.Handler {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer conn.Close()
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n%s", begins)
		})
	}
}

// delays answers after d.
func delays(d time.Duration) func(http.Handler) http.Handler {
	return func(behind http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(d):
				behind.ServeHTTP(w, r)
			case <-r.Context().Done():
			}
		})
	}
}

// peak is the most memory that the program had so far, in bytes.
func (p *prog) peak() (bytes int64) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid()))
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(data)) {
		var kb int64
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kb); err == nil {
			return kb << 10
		}
	}
	return -1
}

// memoryMax is MemoryMax= of muster-agent.service.
const memoryMax = 128 << 20

// fits notes it unless the program stayed below the memory that its unit has.
func (p *prog) fits() {
	if got := p.peak(); got < 0 || got > memoryMax {
		p.r.wrong("muster %s took %d MB, want at most the %d MB of its unit", p.command, got>>20, memoryMax>>20)
	}
}

// agentUser is a user without any right, as DynamicUser= gives the agent.
const agentUser = 64123

// give makes a directory of the instance, with what is in it, the agent's own.
func (r *rig) give(paths ...string) {
	for _, p := range paths {
		r.broken(os.Chown(r.path(p), agentUser, agentUser))
	}
}

// asUser starts muster as the agent's user, which has its directories.
func (r *rig) asUser(h how) how {
	r.give(spoolDir, "run/muster-agent", "var/run/docker.sock")
	for _, f := range r.files(spoolDir + "/*") {
		r.give(f)
	}
	h.spec.UID = agentUser
	return h
}

// bundleFile is where the rows have bundles written.
const bundleFile = "tmp/b.tgz"

// wholeBundle notes it unless the bundle is a whole archive, with a manifest.
func (r *rig) wholeBundle() {
	const path = bundleFile
	f, err := os.Open(r.path(path))
	if err != nil {
		r.wrong("%s: %v", path, err)
		return
	}
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		r.wrong("%s: %v", path, err)
		return
	}
	manifest := false
	for t := tar.NewReader(unpacked); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			r.wrong("%s is torn: %v", path, err)
			return
		}
		manifest = manifest || strings.HasSuffix(h.Name, "MANIFEST.json")
	}
	r.want(manifest, "%s has no MANIFEST.json", path)
}

// unpacked is all that is in a bundle.
func (r *rig) unpacked() string {
	f, err := os.Open(r.path(bundleFile))
	r.broken(err)
	defer f.Close()
	packed, err := gzip.NewReader(f)
	r.broken(err)
	all, err := io.ReadAll(packed)
	r.broken(err)
	return string(all)
}

// clear empties a directory of the instance.
func (r *rig) clear(dir string) {
	entries, err := os.ReadDir(r.path(dir))
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	r.broken(err)
	for _, e := range entries {
		r.broken(os.RemoveAll(filepath.Join(r.path(dir), e.Name())))
	}
}
