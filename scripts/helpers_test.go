package scripts_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"muster/test/need"
)

const (
	release = "1.2.0"
	debFile = "muster_1.2.0_amd64.deb"
	rpmFile = "muster-1.2.0-1.x86_64.rpm"
	sums    = "muster-1.2.0-SHA256SUMS"
)

// server serves a signed release, with the files that a test replaces.
type server struct {
	*httptest.Server
	key *ecdsa.PrivateKey

	mu       sync.Mutex
	files    map[string][]byte
	failures []int // status codes of the next responses
	asked    []string
}

func newServer(t *testing.T, names ...string) *server {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{key: key, files: map[string][]byte{}}
	if names == nil {
		names = []string{debFile, rpmFile}
	}
	var list strings.Builder
	for _, name := range names {
		s.files[name] = bytes.Repeat([]byte(name+"\n"), 1000)
		fmt.Fprintf(&list, "%x  %s\n", sha256.Sum256(s.files[name]), name)
	}
	s.files[sums] = []byte(list.String())
	s.sign(t, key)
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// sign signs with Go's ECDSA, so that the test does not depend on openssl for signing.
func (s *server) sign(t *testing.T, key *ecdsa.PrivateKey) {
	t.Helper()
	digest := sha256.Sum256(s.files[sums])
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	s.files[sums+".sig"] = []byte(base64.StdEncoding.EncodeToString(signature) + "\n")
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r.URL.EscapedPath())
	if len(s.failures) > 0 {
		status := s.failures[0]
		s.failures = s.failures[1:]
		if status == 0 { // the connection breaks in the middle of the body
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("half"))
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(status)
		return
	}
	content, is := s.files[strings.TrimPrefix(r.URL.Path, "/v1/")]
	if !is {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	_, _ = w.Write(content)
}

func (s *server) publicKey(t *testing.T) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&s.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "muster.pub")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// host is a machine that has only the tools that the script says it needs.
type host struct {
	t   *testing.T
	dir string
}

func newHost(t *testing.T, format string) host {
	t.Helper()
	h := host{t, t.TempDir()}
	for _, tool := range strings.Fields("curl openssl sha256sum awk sed tail tr mktemp rm cp cat mkdir grep") {
		path := need.Program(t, tool, "apt-get install "+tool)
		if err := os.Symlink(path, h.path(tool)); err != nil {
			t.Fatal(err)
		}
	}
	h.stub("uname", "echo x86_64")
	h.stub("id", "echo 0")
	h.stub("sleep", "echo $1 >>$HOST/slept")
	// The last argument is the package. The stub records its content and version as installed.
	put := `if [ -s $HOST/locked ]; then rm $HOST/locked
	echo "dpkg: error: dpkg frontend lock was locked by another process" >&2; exit 2; fi
echo "$@" >>$HOST/ran; for package; do :; done; cat "$package" >$HOST/content; echo 1.2.0 >$HOST/version`
	switch format {
	case "deb":
		h.stub("dpkg", put)
		h.stub("dpkg-query", `[ -f $HOST/version ] && echo "installed $(cat $HOST/version)"`)
	case "rpm":
		h.stub("rpm", `if [ "$1" = -q ]; then cat $HOST/version; exit; fi; `+put)
	}
	return h
}

func (h host) path(name string) string { return filepath.Join(h.dir, name) }

func (h host) stub(name, script string) {
	h.t.Helper()
	h.write(name, "#!/bin/sh\n"+script+"\n")
}

func (h host) write(name, text string) {
	h.t.Helper()
	if err := os.WriteFile(h.path(name), []byte(text), 0o755); err != nil {
		h.t.Fatal(err)
	}
}

// read returns the text of a file that a stub wrote, or "" if it wrote none.
func (h host) read(name string) string {
	text, _ := os.ReadFile(h.path(name))
	return string(text)
}

func (h host) run(script string, args ...string) (string, int) {
	h.t.Helper()
	cmd := exec.CommandContext(h.t.Context(), "/bin/sh", append([]string{script}, args...)...)
	cmd.Env = []string{"PATH=" + h.dir, "HOST=" + h.dir, "TMPDIR=" + h.t.TempDir()}
	out, err := cmd.CombinedOutput()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		h.t.Fatal(err)
	}
	if left, _ := filepath.Glob(strings.TrimPrefix(cmd.Env[2], "TMPDIR=") + "/*"); left != nil {
		h.t.Errorf("files are left behind: %q", left)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func (h host) install(s *server, more ...string) (string, int) {
	h.t.Helper()
	return h.run("install", append([]string{"--version", release, "--from", s.URL + "/v1", "--key", s.publicKey(h.t)}, more...)...)
}
