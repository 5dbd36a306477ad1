//go:build linux

package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"time"
)

// joins records an error unless ecs.config names the cluster prod.
func (r *rig) joins() {
	r.want(strings.Contains(r.read(ecsConfig), "ECS_CLUSTER=prod\n"), "%s does not name the cluster: %q", ecsConfig, r.read(ecsConfig))
}

// untouched records an error if bootstrap wrote an ecs.config.
func (r *rig) untouched() {
	r.want(r.read(ecsConfig) == "", "%s was written: %q", ecsConfig, r.read(ecsConfig))
}

// publishes records an error unless CloudWatch received Registered = 1.
func (r *rig) publishes() {
	for _, d := range r.Sandbox().Metrics() {
		if d.Name == "Registered" && d.Value == 1 && d.Dimensions["ClusterName"] == "prod" {
			return
		}
	}
	r.wrong("CloudWatch got no Registered=1 for cluster prod")
}

// signaled records an error unless the launch hook and the stack each received exactly one signal.
func (r *rig) signaled() {
	r.hookIs("CONTINUE")
	r.stackIs("SUCCESS")
}

func (r *rig) hookIs(want string) {
	got := r.Sandbox().Hook(hook)
	r.want(got.Result == want, "launch hook: want %q, got %q", want, got.Result)
	done := 0
	for _, c := range r.Sandbox().Calls() {
		if c.Action == "CompleteLifecycleAction" && c.Status == 200 {
			done++
		}
	}
	r.want(done <= 1, "the launch hook was completed %d times", done)
}

func (r *rig) stackIs(want string) {
	signals := r.Sandbox().Signals(stack)
	if r.want(len(signals) > 0, "stack: want the signal %s, got none", want) {
		for _, s := range signals {
			r.want(s.Status == want, "stack: want the signal %s, got %s", want, s.Status)
		}
	}
}

func (r *rig) unsignaled() {
	r.hookIs("")
	r.want(len(r.Sandbox().Signals(stack)) == 0, "the stack got a signal")
}

func (r *rig) stackHas(status string) bool {
	for _, s := range r.Sandbox().Signals(stack) {
		if s.Status == status {
			return true
		}
	}
	return false
}

// reachable records an error unless the last published DockerReachable equals want.
func (r *rig) reachable(want float64) {
	got := -1.0
	for _, d := range r.Sandbox().Metrics() {
		if d.Name == "DockerReachable" {
			got = d.Value
		}
	}
	r.want(got == want, "want DockerReachable=%v, got %v", want, got)
}

// crashes returns the published sum of the cluster's crashes.
func (r *rig) crashes() (sum float64) {
	for _, d := range r.Sandbox().Metrics() {
		if d.Name == "Crashes" && len(d.Dimensions) == 1 {
			sum += d.Value
		}
	}
	return sum
}

// unregistered records an error if CloudWatch received Registered = 1.
func (r *rig) unregistered() {
	for _, d := range r.Sandbox().Metrics() {
		r.want(d.Name != "Registered" || d.Value == 0, "Registered=%v was published", d.Value)
	}
}

// keeps records an error unless /etc/ecs is unchanged.
func (r *rig) keeps() {
	r.want(r.read(ecsConfig) == "ECS_CLUSTER=prod\n", "ecs.config is not the old one: %q", r.read(ecsConfig))
	r.want(len(r.leftovers()) == 0, "left behind: %v", r.leftovers())
}

// leftovers returns the files other than ecs.config in its directory.
func (r *rig) leftovers() (left []string) {
	for _, f := range append(r.files("etc/ecs/*"), r.files("etc/ecs/.*")...) {
		if f != "/"+ecsConfig && f != "/etc/ecs/fill" && !strings.HasSuffix(f, "/.") && !strings.HasSuffix(f, "/..") {
			left = append(left, f)
		}
	}
	return left
}

// notRegular checks the result of bootstrap if ecs.config is not a regular file.
func (r *rig) notRegular(p *prog) {
	p.within(20 * time.Second)
	info, err := os.Lstat(r.path(ecsConfig))
	if err == nil && info.Mode().IsRegular() {
		p.exits(0)
		r.joins()
		return
	}
	p.exits(1)
	p.says(0, "/"+ecsConfig)
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
	for _, c := range []string{
		"status", "status --output json", "debug --bundle /" + bundleFile, "debug --output json", "check --output junit",
	} {
		r.inert(r.run(c))
	}
	text := strings.ReplaceAll(r.unpacked(), "\x00", "") // tar pads with NUL bytes
	if m := active.FindStringIndex(text); m != nil {
		r.wrong("the bundle has active characters: %q", text[max(0, m[0]-80):min(len(text), m[1]+80)])
	}
}

// isFresh reports whether data points of the last five minutes were published.
func (r *rig) isFresh() bool {
	for _, d := range r.Sandbox().Metrics() {
		if d.Name == "Registered" && time.Since(d.Timestamp).Abs() < 5*time.Minute {
			return true
		}
	}
	return false
}

func (r *rig) fresh() { r.want(r.isFresh(), "no data with the right time were published") }
