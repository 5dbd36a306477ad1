//go:build integration

package hostports

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"muster/internal/host/dockerapi"
	"muster/test/need"
)

// program is the only file of the test image. It listens on its argument.
const program = `package main

import (
	"fmt"
	"net"
	"os"
)

func main() {
	l, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ready")
	for err == nil {
		_, err = l.Accept()
	}
}
`

func realEngine(t *testing.T) *dockerapi.Client {
	t.Helper()
	if _, err := exec.LookPath("docker"); err != nil {
		need.NoEngine(t, "the docker command")
	}
	if os.Geteuid() != 0 {
		need.Missing(t, "root")
	}
	c, err := dockerapi.New(os.Getenv("DOCKER_HOST"), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = c.Ping(t.Context()); errors.Is(err, dockerapi.ErrNotRunning) || errors.Is(err, dockerapi.ErrDenied) {
		need.NoEngine(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func run(t *testing.T, env []string, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
}

// image builds program FROM scratch, and removes the image at the end.
func image(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"main.go": program,
		"Dockerfile": "FROM scratch\nCOPY program /program\nENTRYPOINT [\"/program\"]\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run(t, []string{"CGO_ENABLED=0", "GOFLAGS="}, "go", "build", "-o", filepath.Join(dir, "program"), filepath.Join(dir, "main.go"))
	tag := fmt.Sprintf("muster-hostports-%d:test", os.Getpid())
	run(t, []string{"DOCKER_BUILDKIT=0"}, "docker", "build", "--quiet", "--tag", tag, dir)
	t.Cleanup(func() { run(t, nil, "docker", "image", "rm", "--force", tag) })
	return tag
}

// start runs a program until the end of the test. It returns once the program has printed a line that contains ready.
func start(t *testing.T, cmd *exec.Cmd, ready string) {
	t.Helper()
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	var said strings.Builder
	lines := bufio.NewScanner(io.TeeReader(output, &said))
	for lines.Scan() {
		if strings.Contains(lines.Text(), ready) {
			go io.Copy(io.Discard, output)
			return
		}
	}
	t.Fatalf("%s never said %q: %s", cmd, ready, said.String())
}

// free returns a free port of ignite2's discovery range. The kernel picks ephemeral ports from the same range, so it can
// be taken before the test binds it.
func free(t *testing.T) string {
	t.Helper()
	for port := 47510; port < 47600; port++ {
		if l, err := net.Listen("tcp", fmt.Sprintf(":%d", port)); err == nil {
			l.Close()
			return strconv.Itoa(port)
		}
	}
	t.Fatal("no port of 47510-47599 is free")
	return ""
}

// NAME is replaced with the name of the container, PORT with a free port.
func TestRealContainers(t *testing.T) {
	engine, tag := realEngine(t), image(t)
	for name, test := range map[string]struct {
		args  []string
		bound string // argument of program
		want  []string
		found string // listener
	}{
		"published on 127.0.0.1": {[]string{"--publish", "127.0.0.1:PORT:PORT"}, ":PORT", []string{"bridge-address-announced?",
			"published-on-other-address"}, "NAME [::]:PORT -> "},
		"published on an ephemeral port": {[]string{"--publish", "PORT"}, ":PORT", []string{"bridge-address-announced?", "other-host-port"},
			"NAME [::]:PORT -> 10.0.1.5:"},
		"published correctly": {[]string{"--publish", "PORT:PORT"}, ":PORT", []string{"bridge-address-announced?",
			"listener-beyond-first-port"}, "NAME [::]:PORT -> 10.0.1.5:PORT"},
		"published, bound to loopback": {[]string{"--publish", "PORT:PORT"}, "127.0.0.1:PORT", []string{"bridge-address-announced?",
			"listener-on-other-address"}, "NAME 127.0.0.1:PORT -> "},
		"not published": {nil, ":PORT", []string{"bridge-address-announced?", "port-not-published"}, "NAME [::]:PORT -> "},
		"host mode": {[]string{"--network", "host"}, ":PORT", []string{"docker0-announced?", "listener-beyond-first-port"},
			" [::]:PORT -> 10.0.1.5:PORT"},
		"without a network": {[]string{"--network", "none"}, ":PORT", nil, "NAME [::]:PORT -> "},
	} {
		t.Run(name, func(t *testing.T) {
			container := fmt.Sprintf("muster-hostports-%d-%s", os.Getpid(), strings.NewReplacer(" ", "-", ",", "", "_", "-").Replace(name))
			fill := strings.NewReplacer("NAME", container, "PORT", free(t)).Replace
			t.Cleanup(func() { run(t, nil, "docker", "rm", "--force", container) })
			args := slices.Concat([]string{"run", "--detach", "--name", container}, test.args, []string{tag, test.bound})
			run(t, nil, "docker", strings.Fields(fill(strings.Join(args, " ")))...)
			start(t, exec.Command("docker", "logs", "--follow", container), "ready")
			host := Host{Docker: engine, Self: netip.MustParseAddr("10.0.1.5")}
			got := host.Inspect(t.Context(), needsOf(t, "ignite2"))
			if diff := missingFrom(ids(got), test.want); diff != "" {
				t.Errorf("not found: %s\n%+v", diff, got)
			}
			want := fill(test.found)
			if !slices.ContainsFunc(listeners(got), func(l string) bool { return strings.HasPrefix(l, want) }) {
				t.Errorf("no listener %q among %q; %q", want, listeners(got), got.Notes)
			}
		})
	}
}

func missingFrom(got, want []string) string {
	return list(want, func(id string) string {
		if slices.Contains(got, id) {
			return ""
		}
		return id
	})
}

// etcd returns the server of the Debian package: installed, or unpacked if CI=true, which starts no service.
func etcd(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("etcd"); err == nil {
		return path
	}
	if os.Getenv("CI") != "true" {
		need.Missing(t, "etcd: apt-get install etcd-server")
	}
	dir := t.TempDir()
	if download(dir) != nil {
		run(t, nil, "apt-get", "update")
		if err := download(dir); err != nil {
			t.Fatal(err)
		}
	}
	packages, err := filepath.Glob(filepath.Join(dir, "etcd-server_*.deb"))
	if err != nil || len(packages) != 1 {
		t.Fatalf("downloaded %q, %v", packages, err)
	}
	run(t, nil, "dpkg-deb", "--extract", packages[0], dir)
	return filepath.Join(dir, "usr/bin/etcd")
}

func download(dir string) error {
	cmd := exec.Command("apt-get", "download", "etcd-server")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func TestRealServerIsFoundOnItsProfilePorts(t *testing.T) {
	cmd := exec.Command(etcd(t), "--data-dir", t.TempDir(), "--name", "one", "--initial-cluster", "one=http://127.0.0.1:2380",
		"--listen-client-urls", "http://127.0.0.1:2379", "--advertise-client-urls", "http://127.0.0.1:2379",
		"--listen-peer-urls", "http://127.0.0.1:2380", "--initial-advertise-peer-urls", "http://127.0.0.1:2380")
	cmd.Env = []string{"ETCD_UNSUPPORTED_ARCH=arm64"}
	start(t, cmd, "ready to serve client requests")
	host := Host{Self: netip.MustParseAddr("127.0.0.1")}
	got := host.Inspect(t.Context(), needsOf(t, "tcp/2379,tcp/2380"))
	want := []string{" 127.0.0.1:2379 -> 127.0.0.1:2379", " 127.0.0.1:2380 -> 127.0.0.1:2380"}
	if !slices.Equal(listeners(got), want) || len(got.Findings) > 0 || len(got.Notes) > 0 {
		t.Errorf("got %q, %+v, %q", listeners(got), got.Findings, got.Notes)
	}
	host.Self = netip.MustParseAddr("10.0.1.5")
	if got := ids(host.Inspect(t.Context(), needsOf(t, "tcp/2379,tcp/2380"))); !slices.Equal(got, []string{"listener-on-other-address"}) {
		t.Errorf("dialed from another host: got %q", got)
	}
}
