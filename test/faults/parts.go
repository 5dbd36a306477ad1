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

// fresh makes the instance boot for the first time: the ECS agent has not started, and ecs.config does not exist.
func fresh(c *fieldcase.Case) {
	c.Absent = append(c.Absent, ecsConfig)
	c.Agent = fieldcase.Agent{}
}

// notStarted makes an instance that has an ecs.config and whose ECS agent has never started.
func notStarted(c *fieldcase.Case) { c.Agent = fieldcase.Agent{} }

// booting makes an instance whose user data is still running.
func booting(c *fieldcase.Case) {
	c.Systemd = map[string]fieldcase.Unit{"ecs.service": {State: "inactive", Job: "waiting"}, "cloud-final.service": {State: "activating"}}
}

// both combines several changes of the instance into one.
func both(all ...func(*fieldcase.Case)) func(*fieldcase.Case) {
	return func(c *fieldcase.Case) {
		for _, with := range all {
			with(c)
		}
	}
}

// Names of the stack, the Auto Scaling group and the launch hook that wait for the instance.
const (
	group      = "workers"
	hook       = "joined"
	stack      = "fleet"
	resource   = "Group"
	hookFlag   = " --lifecycle-hook " + hook
	stackFlags = " --cfn-stack " + stack + " --cfn-resource " + resource
)

// inGroup puts the instance into an Auto Scaling group with a launch hook, and into a stack that waits for a signal.
func inGroup(c *fieldcase.Case) {
	c.Instance.Group = &fieldcase.Group{Name: group, Hooks: []string{hook}}
	c.Instance.Stacks = map[string][]string{stack: {resource}}
}

// joins records an error unless ecs.config names the cluster prod.
func (r *rig) joins() {
	r.want(strings.Contains(r.read(ecsConfig), "ECS_CLUSTER=prod\n"), "%s does not name the cluster: %q", ecsConfig, r.read(ecsConfig))
}

// untouched records an error if bootstrap wrote an ecs.config.
func (r *rig) untouched() {
	r.want(r.read(ecsConfig) == "", "%s was written: %q", ecsConfig, r.read(ecsConfig))
}

// in runs a function after d, in the background.
func (r *rig) in(d time.Duration, do func() error) {
	time.AfterFunc(d, func() { _ = do() })
}

// container starts a container that belongs to a task of prod, and returns its ID.
func (r *rig) container() (id string) {
	const name = "web"
	return r.Engine().Run(dockerd.Spec{Name: name, Check: true, Labels: map[string]string{
		"com.amazonaws.ecs.cluster":                "prod",
		"com.amazonaws.ecs.task-arn":               "arn:aws:ecs:eu-central-1:123456789012:task/prod/" + name,
		"com.amazonaws.ecs.container-name":         name,
		"com.amazonaws.ecs.task-definition-family": "web",
	}})
}

// trap is a server that must receive no request. It counts the requests.
type trap struct{ hits atomic.Int64 }

// trapHost is the address that redirect points to.
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

// The functions below are middlewares for Front.Use.

func redirect(http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "http://"+trapHost+r.URL.Path)
		w.WriteHeader(http.StatusFound)
	})
}

// answers sends the same response to every request.
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

// first applies the fault spoil to the first n requests.
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

// at applies the fault spoil to the requests whose path contains text.
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

// hangs accepts requests and never sends a response.
func hangs(http.Handler) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
}

// dribbles sends an endless response, one byte at a time.
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

// cuts sends the header and the first part of the body, then closes the connection.
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

// delays sends the response after d.
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

// peak returns the program's peak memory so far, in bytes.
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

// memoryMax is MemoryMax= in muster-agent.service.
const memoryMax = 128 << 20

// fits records an error if the program used more memory than MemoryMax= of its unit allows.
func (p *prog) fits() {
	if got := p.peak(); got < 0 || got > memoryMax {
		p.r.wrong("muster %s took %d MB, want at most the %d MB of its unit", p.command, got>>20, memoryMax>>20)
	}
}

// agentUser is a user ID without privileges, like the user that DynamicUser= creates for the agent.
const agentUser = 64123

// give changes the owner of directories of the instance, and of the files in them, to the agent's user.
func (r *rig) give(paths ...string) {
	for _, p := range paths {
		r.broken(os.Chown(r.path(p), agentUser, agentUser))
	}
}

// asUser makes muster run as the agent's user, and gives that user the agent's directories.
func (r *rig) asUser(h how) how {
	r.give(spoolDir, "run/muster-agent", "var/run/docker.sock")
	for _, f := range r.files(spoolDir + "/*") {
		r.give(f)
	}
	h.spec.UID = agentUser
	return h
}

// bundleFile is the path of the bundles that the rows write.
const bundleFile = "tmp/b.tgz"

// wholeBundle records an error unless the bundle is a complete archive with a manifest.
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

// unpacked returns the concatenated contents of the bundle.
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

// clear removes everything in a directory of the instance.
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
