//go:build linux

package main

import (
	"compress/gzip"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"time"

	"muster/internal/sandbox"
	"muster/internal/sandbox/dockerd"
)

// jsonActive is a JSON string with C0, C1 and bidirectional control characters and a newline.
const jsonActive = `\u001b[2J\u001b]0;x\u0007\u009b31m\u202e\u2066\nmuster: forged\r\u007f`

var active = regexp.MustCompile(`[\x00-\x08\x0b-\x1f\x7f\x{80}-\x{9f}\x{202a}-\x{202e}\x{2066}-\x{2069}]`)

// inert records an error if the program printed active control characters.
func (r *rig) inert(p *prog) {
	for _, out := range []string{p.stdout.String(), p.stderr.String()} {
		if m := active.FindStringIndex(out); m != nil {
			r.wrong("muster %s: active characters: %q", p.command, out[max(0, m[0]-80):min(len(out), m[1]+80)])
		}
		r.want(!strings.Contains(out, "\nmuster: forged"), "muster %s: a line was forged", p.command)
	}
}

// allInert runs every command that prints text from outside, and also checks the bundle.
func (r *rig) allInert() {
	for _, c := range []string{"status", "status --output json", "debug --bundle /" + bundleFile, "debug --output json", "check --output junit"} {
		r.inert(r.run(c))
	}
	text := strings.ReplaceAll(r.unpacked(), "\x00", "") // tar pads with NUL bytes
	if m := active.FindStringIndex(text); m != nil {
		r.wrong("the bundle has active characters: %q", text[max(0, m[0]-80):min(len(text), m[1]+80)])
	}
}

// gzipBomb compresses 4 GB of blanks to 4 MB.
func gzipBomb(http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		for range 4096 {
			if _, err := z.Write([]byte(strings.Repeat(" ", 1<<20))); err != nil || q.Context().Err() != nil {
				return
			}
		}
	})
}

// fitsFor waits until the program exits, and records an error if it used too much memory.
func (p *prog) fitsFor(limit time.Duration) {
	var most int64
	for p.running() && time.Since(p.began) < limit {
		most = max(most, p.peak())
		wait(tick)
	}
	p.wait(time.Second)
	p.r.want(most < memoryMax, "muster %s took %d MB", p.command, most>>20)
}

// silent replaces systemd's socket with one that accepts connections and never responds.
func (r *rig) silent() {
	path := r.path("run/systemd/private")
	r.broken(os.Remove(path))
	l, err := net.Listen("unix", path)
	r.broken(err)
	go func() {
		for {
			if _, err := l.Accept(); err != nil {
				return
			}
		}
	}()
}

// outsideRows were written by an author who had not read muster's code.
func outsideRows() []row {
	rows := []row{
		{
			name:    "imds/gzip",
			command: "bootstrap",
			inject:  "the identity document is a gzip bomb",
			takes:   20 * time.Second,
			must:    "exit 3 within the time limit and 128 MB; nothing is written",
			with:    fresh,
			play: func(r *rig) {
				r.Metadata.Use(at("/latest/dynamic", gzipBomb))
				p := r.start(bootstrap+" --imds-timeout 4s", how{})
				p.fitsFor(40 * time.Second)
				p.exits(3)
				r.untouched()
			},
		},
		{
			name:    "introspection/gzip",
			command: "verify",
			inject:  "the response is a gzip bomb",
			takes:   20 * time.Second,
			must:    "exit 10 within the time limit and 128 MB",
			with:    inGroup,
			play: func(r *rig) {
				r.introspection.Use(gzipBomb)
				p := r.start("verify --cluster prod --timeout 6s"+hookFlag+stackFlags, how{})
				p.fitsFor(40 * time.Second)
				p.exits(10)
			},
		},
		{
			name:    "docker/redirect",
			command: "agent",
			inject:  "every request is redirected (307) to another server",
			takes:   15 * time.Second,
			must:    "the redirect is not followed; status exits 1",
			play: func(r *rig) {
				t := r.trap()
				r.Docker.Use(redirect)
				a := r.agent(how{})
				r.status(20*time.Second, []int{1})
				a.stop()
				r.want(t.hits.Load() == 0, "the redirect was followed")
			},
		},
		{
			name:    "docker/injected",
			command: "agent",
			inject:  "the names and labels of a container contain C0, C1 and bidi characters; it exits with code 7",
			takes:   40 * time.Second,
			must:    "none of them appears unescaped in the journal, status, debug, JSON, JUnit or the bundle",
			play: func(r *rig) {
				const raw = "\x1b[2J\u009b31m\u202e\nmuster: forged"
				id := r.Engine().Run(dockerd.Spec{Name: "web" + raw, Check: true, Labels: map[string]string{
					"com.amazonaws.ecs.cluster":                "prod",
					"com.amazonaws.ecs.task-arn":               "arn:aws:ecs:eu-central-1:123456789012:task/prod/web",
					"com.amazonaws.ecs.container-name":         "web" + raw,
					"com.amazonaws.ecs.task-definition-family": "web" + raw,
				}})
				a := r.agent(how{})
				r.status(20*time.Second, []int{0, 1}, "1 running")
				r.Engine().Die(id, 7)
				a.says(20*time.Second, "code 7")
				r.allInert()
				a.stop()
				r.inert(a)
			},
		},
		{
			name:    "aws/ecs-other-instance",
			command: "verify",
			inject:  "DescribeContainerInstances returns another EC2 instance",
			takes:   15 * time.Second,
			must:    "no success is signaled",
			with:    inGroup,
			play: func(r *rig) {
				r.Sandbox().Inject(sandbox.Fault{
					Service: sandbox.ECS,
					Action:  "DescribeContainerInstances",
					Body:    `{"containerInstances":[{"containerInstanceArn":"` + arnPrefix + `0bb2","ec2InstanceId":"` + peerID + `","status":"ACTIVE","agentConnected":true}]}`,
				})
				p := r.run("verify --cluster prod --timeout 8s" + hookFlag + stackFlags)
				r.want(p.Code() != 0 && !r.stackHas("SUCCESS"), "exit 0, or SUCCESS")
			},
		},
		{
			name:    "aws/errors-quote",
			command: "verify",
			inject:  "every AWS error quotes the request, including its session token and signature",
			takes:   40 * time.Second,
			must:    "neither appears in the journal, status, debug or the bundle",
			with:    inGroup,
			play:    quotes,
		},
		{
			name:    "signal/notify-full",
			command: "agent",
			inject:  "systemd does not read its notification socket, and the socket's queue is full",
			takes:   30 * time.Second,
			must:    "status exits 1 and names systemd; the agent publishes, and exits after SIGTERM",
			play:    notifyFull,
		},
		{
			name:    "file/systemd-silent",
			command: "verify",
			inject:  "systemd accepts connections on its socket and never responds",
			takes:   60 * time.Second,
			must:    "bootstrap joins the cluster within 45 s, and verify delivers its signals",
			with:    both(notStarted, inGroup),
			play: func(r *rig) {
				r.silent()
				p := r.run(bootstrap)
				p.exits(0, 1)
				p.within(45 * time.Second)
				r.joins()
				p = r.run("verify --cluster prod --timeout 5s" + hookFlag + stackFlags)
				p.exits(10)
				r.stackIs("FAILURE")
			},
		},
		{
			name:    "file/lock-odd",
			command: "bootstrap",
			inject:  "the lock file is a FIFO, then a link",
			takes:   5 * time.Second,
			must:    "it does not hang; the link's target is not written to",
			with:    fresh,
			play: func(r *rig) {
				lock := r.path("run/muster/bootstrap.lock")
				r.broken(os.MkdirAll(r.path("run/muster"), 0o755))
				r.broken(syscall.Mkfifo(lock, 0o600))
				r.run(bootstrap).exits(0, 1)
				r.broken(os.RemoveAll(lock))
				r.broken(r.Write(secretFile, []byte(secret)))
				r.broken(os.Symlink("/"+secretFile, lock))
				r.run(bootstrap).exits(0, 1)
				r.want(r.read(secretFile) == secret, "the link was followed")
				r.broken(os.RemoveAll(lock))
				r.run(bootstrap).exits(0)
				r.joins()
			},
		},
		{
			name:    "file/console-fifo",
			command: "verify",
			inject:  "the console is a FIFO without a reader",
			takes:   10 * time.Second,
			must:    "it does not hang: signals are sent, exit 0",
			with:    inGroup,
			play: func(r *rig) {
				_ = os.RemoveAll(r.path("dev/console"))
				r.broken(syscall.Mkfifo(r.path("dev/console"), 0o600))
				p := r.run(verify + " --console /dev/console" + hookFlag + stackFlags)
				p.exits(0)
				r.signaled()
			},
		},
		{
			name:    "file/state-injected",
			command: "status",
			inject:  "a compromised agent writes escape sequences to its state file",
			takes:   30 * time.Second,
			must:    "none of them appears unescaped in status, debug, JSON, JUnit or the bundle",
			play: func(r *rig) {
				a := r.agent(how{})
				r.status(10*time.Second, []int{0})
				a.kill()
				r.broken(r.Write(stateFile, []byte(strings.ReplaceAll(r.read(stateFile), "prod", "prod"+jsonActive))))
				r.allInert()
			},
		},
	}
	return append(rows, unknownClusters()...)
}

// unknownClusters covers DescribeClusters responses without MISSING. Such a response does not mean that the cluster is
// missing.
func unknownClusters() (rows []row) {
	for _, c := range []struct{ name, body string }{
		{"failure", `{"clusters":[],"failures":[{"arn":"arn:aws:ecs:eu-central-1:123456789012:cluster/prod","reason":"INTERNAL"}]}`},
		{"nothing", `{"clusters":[],"failures":[]}`},
	} {
		rows = append(
			rows,
			row{name: "aws/cluster-" + c.name, command: "bootstrap", inject: "DescribeClusters: `" + c.body + "`", takes: 10 * time.Second,
				must: "it joins the cluster although the check failed, exit 0", with: fresh,
				play: func(r *rig) {
					r.Sandbox().Inject(sandbox.Fault{Service: sandbox.ECS, Action: "DescribeClusters", Body: c.body})
					r.run(bootstrap).exits(0)
					r.joins()
				}},
		)
	}
	return rows
}

// quotes makes AWS reject signatures as the query protocol does: the error message contains the canonical request,
// including the session token header.
func quotes(r *rig) {
	const signature, token = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "IQoJb3JpZ2luX2VjEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLE"
	r.Sandbox().Inject(sandbox.Fault{Status: 400, Code: "IncompleteSignatureException", Message: "Authorization=AWS4-HMAC-SHA256 " +
		"Credential=AKIAIOSFODNN7EXAMPLE/20260101/eu-central-1/ecs/aws4_request, SignedHeaders=host, Signature=" + signature + " \u009b31m \u202e x-amz-security-token:" + token})
	for _, c := range []string{"verify --cluster prod --timeout 4s" + hookFlag + stackFlags, bootstrap, "debug --bundle /" + bundleFile, "debug --output json"} {
		r.run(c)
	}
	a := r.agent(sending())
	wait(lead + 5*time.Second)
	r.run("status")
	a.stop()
	for _, p := range r.progs {
		r.inert(p)
		r.want(!p.printed(signature) && !p.printed(token), "muster %s prints it: %s", p.command, after(p.stderr.String(), "Signature="))
	}
	all := r.unpacked()
	r.want(!strings.Contains(all, signature) && !strings.Contains(all, token), "the bundle has it")
}

func notifyFull(r *rig) {
	path := r.path("run/full")
	conn, err := net.ListenPacket("unixgram", path)
	r.broken(err)
	defer conn.Close()
	r.broken(os.Chmod(path, 0o666))
	a := r.start(agentCommand, how{env: []string{"NOTIFY_SOCKET=/run/full", "WATCHDOG_USEC=200000", "MUSTER_WATCH_PERIOD=2s"}})
	r.status(30*time.Second, []int{1}, "systemd")
	a.stop()
	r.publishes()
}

// sorted groups the rows by their group, in the order in which the groups first appear.
func sorted(rows []row) []row {
	var all []row
	seen := map[string]bool{}
	group := func(r row) string { g, _, _ := strings.Cut(r.name, "/"); return g }
	for _, first := range rows {
		if seen[group(first)] {
			continue
		}
		seen[group(first)] = true
		for _, r := range rows {
			if group(r) == group(first) {
				all = append(all, r)
			}
		}
	}
	return all
}
