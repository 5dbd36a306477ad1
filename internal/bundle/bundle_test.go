package bundle_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"muster/check"
	"muster/internal/base/fix"
	"muster/internal/bundle"
	"muster/internal/host/dockerapi"
	"muster/internal/host/ecsagent"
	"muster/internal/host/units"
	"muster/test/redacttest"
)

func TestWhatIsInABundle(t *testing.T) {
	m, files := unpacked(t, sick(t))
	got := slices.Sorted(maps.Keys(files))
	want := strings.Fields(`MANIFEST.json agent/metadata.json agent/tasks.json cloud-init/status.json containers.json ecs.config
		host/addresses host/os-release host/resolv.conf host/routes host/space logs/ecs-agent.log logs/ecs-init.log
		muster/bootstrap.json muster/report.json report.html results.json settings.json units.json`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(m.Files) != len(files)-1 || len(m.Failed) != 0 {
		t.Errorf("%d of %d files are in the manifest; failed: %v", len(m.Files), len(files)-1, m.Failed)
	}
	for _, f := range m.Files {
		if f.Size != len(files[f.Name]) || f.Source == "" {
			t.Errorf("%s has %d bytes: %+v", f.Name, len(files[f.Name]), f)
		}
		if strings.HasSuffix(f.Name, ".json") && !json.Valid([]byte(files[f.Name])) {
			t.Errorf("%s is no JSON: %s", f.Name, files[f.Name])
		}
	}
	if got := files["host/routes"]; got != "0.0.0.0/0 via 10.0.1.1 dev eth0 metric 512\n" {
		t.Errorf("routes: %q", got)
	}
	var read bundle.Manifest
	if err := json.Unmarshal([]byte(files["MANIFEST.json"]), &read); err != nil || cmp.Diff(m, read) != "" {
		t.Errorf("the manifest reads back as %+v (%v)", read, err)
	}
}

func TestECSConfigShowsKnownKeysOnly(t *testing.T) {
	_, files := unpacked(t, sick(t))
	want := "ECS_CLUSTER=prd\nECS_ENGINE_AUTH_DATA=[masked]\n[left out]: a line that does not set a variable\nexport MY_VALUE=[left out]\n\n"
	if got := files["ecs.config"]; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestUserDataComesOnlyWhenAskedFor(t *testing.T) {
	m, files := unpacked(t, sick(t))
	for name := range files {
		if strings.Contains(name, "user-data") || strings.Contains(name, "cloud-init.log") || strings.Contains(name, "output.log") {
			t.Errorf("%s is in the bundle", name)
		}
	}
	if !slices.ContainsFunc(m.LeftOut, func(o bundle.Omission) bool { return strings.Contains(o.What, "--include user-data") }) {
		t.Errorf("left out: %v", m.LeftOut)
	}
	if _, files = unpacked(t, sick(t), bundle.UserData,
		bundle.CloudInitLog); files["cloud-init/user-data"] == "" || files["cloud-init/cloud-init.log"] == "" ||
		files["cloud-init/cloud-init-output.log"] == "" {
		t.Errorf("included: %v", slices.Sorted(maps.Keys(files)))
	}
}

func TestCompressedUserDataIsLeftOut(t *testing.T) {
	s := sick(t)
	write(t, s.Config.Root, map[string]string{"var/lib/cloud/instance/user-data.txt": "\x1f\x8b\x08secret"})
	m, files := unpacked(t, s, bundle.UserData)
	if files["cloud-init/user-data"] != "" || len(m.Failed) != 1 || !strings.Contains(m.Failed[0].Error, "gzip") {
		t.Errorf("%q, %v", files["cloud-init/user-data"], m.Failed)
	}
}

func TestWithoutMetadataServiceTheOnlyRecordIsUsed(t *testing.T) {
	s := sick(t)
	s.InstanceID = ""
	if _, files := unpacked(t, s); files["muster/bootstrap.json"] == "" {
		t.Error("the record is missing")
	}
	write(t, s.Config.Root, map[string]string{"var/lib/muster/instances/i-other/bootstrap.json": "{}"})
	if _, files := unpacked(t, s); files["muster/bootstrap.json"] != "" {
		t.Error("one of two records was taken")
	}
}

func TestUnknownExtraIsRejected(t *testing.T) {
	err := bundle.Options{Include: []string{"userdata"}}.Check()
	if err == nil || !strings.Contains(err.Error(), `cannot include "userdata"`) || !strings.Contains(err.Error(), "did you mean user-data?") {
		t.Errorf("%v", err)
	}
	if err := (bundle.Options{Include: bundle.Extras()}).Check(); err != nil {
		t.Error(err)
	}
}

// broken is a set of sources that fail: Docker hangs, systemd panics, the agent returns an error.
type broken struct{ hang chan struct{} }

func (b broken) Ping(context.Context) (dockerapi.Version, error) {
	<-b.hang
	return dockerapi.Version{}, nil
}
func (broken) Containers(context.Context) ([]dockerapi.Container, error) {
	return nil, errors.New("no")
}
func (broken) AgentContainer(context.Context) (dockerapi.AgentContainer, bool, error) {
	return dockerapi.AgentContainer{}, false, errors.New("no")
}
func (broken) Metadata(context.Context) (ecsagent.Metadata, error) {
	return ecsagent.Metadata{}, fmt.Errorf("via http://joe:hunter22@proxy/: %w", ecsagent.ErrRefused)
}
func (broken) Tasks(context.Context) ([]ecsagent.Task, error) { return nil, ecsagent.ErrRefused }

func TestBrokenSourcesDoNotAffectOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sick(t)
		b := broken{make(chan struct{})}
		defer close(b.hang)
		s.Engine, s.Agent = b, b
		s.Units = func(context.Context) (bundle.Units, error) { panic("a defect") }
		if err := os.Remove(s.Config.Path("/var/log/ecs/ecs-init.log")); err != nil {
			t.Fatal(err)
		}
		m, files := unpacked(t, s)
		for collector, want := range map[string]string{"containers": "timed out after 8s", "units": "internal error",
			"agent": "http://[masked]@proxy/", "logs": "ecs-init.log"} {
			i := slices.IndexFunc(m.Failed, func(f bundle.Failure) bool { return f.Collector == collector })
			if i < 0 || !strings.Contains(m.Failed[i].Error, want) {
				t.Errorf("%s: %v", collector, m.Failed)
			}
		}
		if files["results.json"] == "" || files["report.html"] == "" || files["logs/ecs-agent.log"] == "" ||
			strings.Contains(files["MANIFEST.json"]+files["report.html"], "hunter22") {
			t.Errorf("got %v", slices.Sorted(maps.Keys(files)))
		}
	})
}

// full is a writer that fails like a full disk.
type full struct{}

func (full) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
}

func TestFullDiskErrorNamesAnAlternative(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b.tar.gz")
	err := bundle.Place(path, func(io.Writer) error {
		_, err := bundle.Collect(t.Context(), sick(t), full{}, bundle.Options{})
		return err
	})
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "--bundle - >FILE") || !errors.Is(err,
		syscall.ENOSPC) {
		t.Errorf("%v", err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestPlace(t *testing.T) {
	put := func(w io.Writer) error { _, err := io.WriteString(w, "new"); return err }
	dir := t.TempDir()
	write(t, dir, map[string]string{"file": "\x1f\x8bold", "empty": "", "other": "kept", "target": "kept", "directory/x": ""})
	if err := os.Chmod(filepath.Join(dir, "file"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("target", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for name, well := range map[string]bool{"file": true, "empty": true, "fresh": true, "other": false, "link": false, "directory": false,
		"none/x": false} {
		path := filepath.Join(dir, name)
		if err := bundle.Place(path, put); (err == nil) != well || err != nil && !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
		if info, err := os.Stat(path); well && (err != nil || info.Mode() != 0o600 || info.Size() != 3) {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	for _, name := range []string{"target", "other"} {
		if data, _ := os.ReadFile(filepath.Join(dir, name)); string(data) != "kept" {
			t.Errorf("%s was written: %q", name, data)
		}
	}
}

func TestOnlyTheEndOfAHugeLogIsRead(t *testing.T) {
	s := sick(t)
	path := s.Config.Path("/var/log/ecs/ecs-agent.log")
	log, err := os.OpenFile(path, os.O_RDWR|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	const end = "\nlevel=info \xff\xfe\x00 first whole line\n" // after a sparse GB
	if _, err := log.WriteAt([]byte(end+strings.Repeat("x\n", 1000)+"the end"), 1<<30); err != nil {
		t.Fatal(err)
	}
	m, files := unpacked(t, s)
	got := files["logs/ecs-agent.log"]
	if !strings.HasPrefix(got, "level=info ?") || !strings.HasSuffix(got, "\nthe end") || len(got) > 1<<20 {
		t.Errorf("%d bytes: %.60q", len(got), got)
	}
	if i := slices.IndexFunc(m.Files, func(f bundle.Entry) bool { return f.Name == "logs/ecs-agent.log" }); !m.Files[i].Cut {
		t.Errorf("it is not said to be cut: %+v", m.Files[i])
	}
}

func TestSymptomShowsNoFix(t *testing.T) {
	s := sick(t)
	finds := func(f check.Finding) check.Check {
		f.Kind = &check.Kind{ID: f.ID}
		return check.Check{Kind: f.Kind, Run: func(context.Context) []check.Finding { return []check.Finding{f} }}
	}
	s.Results = check.Run(t.Context(), []check.Check{
		finds(check.Finding{ID: "cluster", Status: check.Fail, Summary: "the cause"}),
		finds(check.Finding{ID: "imds", Status: check.Fail, Summary: "a symptom", Fix: fix.Do("deregister it"),
			SymptomOf: []*check.Kind{{ID: "cluster"}}}),
	})
	if _, files := unpacked(t, s); strings.Contains(files["report.html"], "deregister it") {
		t.Error("the page tells it")
	}
}

func TestThePageLoadsAndRunsNothing(t *testing.T) {
	s := sick(t)
	hostile := `"><script>alert(1)</script><img src=//x onerror=y>'` + "\x1b[2J"
	s.Results[0].Findings[0] = check.Finding{ID: hostile, Status: check.Fail, Summary: hostile, Evidence: []string{hostile},
		Fix: fix.Do(hostile)}
	s.Engine = engine{[]dockerapi.Container{{ID: "x", Name: hostile, NetworkMode: hostile, Labels: map[string]string{hostile: hostile}}}}
	s.Version = hostile
	_, files := unpacked(t, s)
	assertInert(t, files["report.html"])
}

func assertInert(t *testing.T, page string) {
	t.Helper()
	head, body, _ := strings.Cut(page, "<body>")
	if !strings.Contains(head, `content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"`) || strings.Contains(head,
		"url(") || strings.Contains(head, "@import") {
		t.Errorf("the head: %s", head)
	}
	for rest := body; ; {
		_, tag, found := strings.Cut(rest, "<")
		if !found {
			return
		}
		tag, rest, _ = strings.Cut(tag, ">")
		name, attributes, _ := strings.Cut(strings.TrimPrefix(tag, "/"), " ")
		if !slices.Contains(strings.Fields("h1 h2 h3 p div span pre code details summary ol ul li time table tr th td br strong svg text rect "+
			"title body html"), name) ||
			strings.Contains(attributes, "href") || strings.Contains(attributes, "src=") ||
			strings.Contains(attributes, " on") {
			t.Errorf("a tag <%s>", tag)
		}
	}
}

func FuzzPage(f *testing.F) {
	f.Add(`<script>`, `" onload="x`, `</pre>`)
	f.Fuzz(func(t *testing.T, a, b, c string) {
		s := bundle.Source{Config: settings(t, t.TempDir()), Version: a, InstanceID: "i-1",
			Results: []check.Result{{ID: c, Group: check.ECS, Title: b, Status: check.Fail,
				Findings: []check.Finding{{ID: b, Status: check.Fail, Summary: a, Evidence: []string{b, c}, Fix: fix.Do(c)}}}},
			Engine: engine{[]dockerapi.Container{{Name: a, NetworkMode: b, Labels: map[string]string{c: a}}}}}
		_, files := unpacked(t, s)
		assertInert(t, files["report.html"])
	})
}

// plant returns an instance on which every source contains every secret.
func plant(t *testing.T, secrets []redacttest.Secret) bundle.Source {
	t.Helper()
	s := sick(t)
	root := s.Config.Root
	var raw, quoted strings.Builder
	var lines, alone []string
	labels := map[string]string{}
	for i, it := range secrets {
		raw.WriteString(it.Text + "\n")
		fmt.Fprintf(&quoted, "level=error time=2026-01-02T03:00:38Z msg=%q error=%q\n", "Error "+it.Text, it.Text)
		lines = append(lines, strings.Split(it.Text, "\n")...)
		if !strings.Contains(it.Text, "\n") {
			alone = append(alone, it.Text)
		}
		labels[fmt.Sprintf("com.amazonaws.ecs.l%d", i)] = it.Text
	}
	all := raw.String()
	inJSON, err := json.Marshal(map[string]any{"v1": map[string]any{"init": map[string]any{"errors": lines, "start": 1767322804.1,
		"finished": 1767322805.0}}, "reason": all, "settings": labels, "evidence": lines})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"etc/resolv.conf": "# " + strings.Join(lines, "\n# ") + "\n" + all,
		"etc/ecs/ecs.config":       all + "ECS_INSTANCE_ATTRIBUTES=" + strings.Join(alone, "\nECS_CLUSTER=") + "\n",
		"var/log/ecs/ecs-init.log": quoted.String(), "var/log/ecs/ecs-agent.log": all + quoted.String(), "var/log/cloud-init.log": all,
		"var/log/cloud-init-output.log":        all + quoted.String(),
		"var/lib/cloud/instance/user-data.txt": "#!/bin/sh\n" + all, "run/cloud-init/status.json": string(inJSON),
		"run/cloud-init/result.json":              string(inJSON),
		"etc/systemd/system/ecs.service.d/a.conf": "[Service]\nEnvironment=" + strings.Join(lines, "\nEnvironment="), "proc/mounts": all,
		"etc/os-release": all, "etc/muster/muster.env": all,
		"var/lib/muster/instances/" + instanceID + "/bootstrap.json": string(inJSON),
		"var/lib/muster/instances/" + instanceID + "/report.json":    string(inJSON)}
	write(t, root, files)
	s.Agent = introspection{ecsagent.Metadata{Cluster: all, Version: all},
		[]ecsagent.Task{{ARN: "a", Family: all, Containers: []ecsagent.Container{{Image: all, Name: all}}}}}
	s.Engine = engine{[]dockerapi.Container{{ID: strings.Repeat("4f5e", 16), Name: all, NetworkMode: all, Labels: labels}}}
	s.Units = func(context.Context) (bundle.Units, error) {
		return systemd{map[string]units.State{"ecs.service": {ActiveState: "failed", Result: all}}}, errors.New(all)
	}
	s.Results = check.Run(t.Context(), []check.Check{{Kind: &check.Kind{ID: "a"}, Group: check.ECS, Title: "a",
		Run: func(context.Context) []check.Finding {
			return []check.Finding{{Status: check.Fail, Summary: all, Evidence: lines, Fix: fix.Do(all)},
				{Status: check.Warn, Summary: "quoted", Evidence: strings.Split(quoted.String(), "\n")}}
		}}})
	s.JSON = func(w io.Writer) error { return json.NewEncoder(w).Encode(s.Results) }
	s.Config = settings(t, root, "MUSTER_CFN_STACK="+lines[0], "MUSTER_CFN_RESOURCE=x",
		"MUSTER_ECS=ECS_ENGINE_AUTH_DATA="+strings.ReplaceAll(secrets[min(25, len(secrets)-1)].Text, " ", ""))
	return s
}

// In a bubble, the time that the rules take cannot exceed a collector's timeout.
func TestBundleContainsNoSecret(t *testing.T) { synctest.Test(t, noSecretGetsOut) }

func noSecretGetsOut(t *testing.T) {
	secrets := redacttest.Secrets(216)
	s := plant(t, secrets)
	m, files := unpacked(t, s, bundle.Extras()...)
	for _, name := range strings.Fields("ecs.config logs/ecs-agent.log cloud-init/user-data results.json containers.json agent/tasks.json " +
		"host/resolv.conf muster/report.json") {
		if len(files[name]) < 100 {
			t.Errorf("nothing was planted in %s: %q", name, files[name])
		}
	}
	screen, err := json.Marshal(s.Results)
	if err != nil {
		t.Fatal(err)
	}
	files["the screen"] = string(screen)
	for name, text := range files {
		for _, it := range secrets {
			for _, part := range it.Parts {
				if strings.Contains(text, part) || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(part))) {
					t.Errorf("%s: %s: %q", name, it.Kind, part)
				}
			}
		}
	}
	if len(m.Masked) < 8 {
		t.Errorf("masked by rule: %+v", m.Masked)
	}
}

// Each form in the corpus, in all files at once.
func TestBundleContainsNoFormOfASecret(t *testing.T) {
	var secrets []redacttest.Secret
	seen := map[string]bool{}
	for _, it := range redacttest.Corpus() {
		if form := it.Kind + strings.ReplaceAll(it.Text, it.Parts[0], ""); !seen[form] {
			seen[form] = true
			secrets = append(secrets, it)
		}
	}
	if testing.Short() { // with the race detector, which takes ten minutes for all of them
		secrets = secrets[:160]
	}
	for chunk := range slices.Chunk(secrets, 160) {
		synctest.Test(t, func(t *testing.T) {
			_, files := unpacked(t, plant(t, chunk), bundle.Extras()...)
			for name, text := range files {
				for _, it := range chunk {
					if at := strings.Index(text, it.Parts[0]); at >= 0 {
						t.Errorf("%s: %s: %q is in %q", name, it.Kind, it.Parts[0], text[max(0, at-120):min(len(text), at+60)])
					}
				}
			}
		})
	}
}

// Fields that are not listed here must not be in the bundle, whatever Docker and the ECS agent return: no environment,
// command, mounts, or labels other than ECS's.
func TestTheFieldsOfContainersAndTasksAreListed(t *testing.T) {
	_, files := unpacked(t, sick(t))
	for name, want := range map[string]string{
		"containers.json": "containers containers.Addrs containers.Bindings containers.Bindings.ContainerPort containers.Bindings.Dynamic " +
			"containers.Bindings.Host " +
			"containers.Bindings.Protocol containers.ID containers.Labels containers.Labels.* containers.Name containers.NetworkMode " +
			"containers.PID " +
			"ecs_agent ecs_agent.ExitCode ecs_agent.FinishedAt ecs_agent.ID ecs_agent.Image ecs_agent.OOMKilled ecs_agent.RestartCount " +
			"ecs_agent.Running ecs_agent.StartedAt ecs_agent.Status " +
			"engine engine.API engine.OS",
		"agent/metadata.json": "Cluster ContainerInstanceARN Version",
	} {
		var document any
		if err := json.Unmarshal([]byte(files[name]), &document); err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		fields(got, "", document)
		if diff := cmp.Diff(strings.Fields(want), slices.Sorted(maps.Keys(got))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// fields collects the paths of the keys in a JSON document. All labels count as one key.
func fields(into map[string]bool, path string, value any) {
	switch value := value.(type) {
	case []any:
		for _, one := range value {
			fields(into, path, one)
		}
	case map[string]any:
		for key, one := range value {
			if strings.HasSuffix(path, "Labels.") {
				key = "*"
			}
			into[path+key] = true
			fields(into, path+key+".", one)
		}
	}
}
