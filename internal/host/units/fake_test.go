package units

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	godbus "github.com/godbus/dbus/v5"
)

// fakeManager simulates systemd on its private socket below a root directory, with the test's replies. A method without
// a reply returns an error. A method whose reply is silence never replies.
type fakeManager struct {
	root    string
	answers map[string][]any
	mu      sync.Mutex
	calls   []string
}

const silence = "silence"

func newFake(t *testing.T, answers map[string][]any) *fakeManager {
	t.Helper()
	f := &fakeManager{root: shortDir(t), answers: answers}
	listen(t, filepath.Join(f.root, privateSocket), f.serve)
	return f
}

// shortDir is a TempDir without the name of the test, because the path of a socket is limited to 107 bytes.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "units")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// listen serves each connection to the socket until the test ends, and waits for all of them.
func listen(t *testing.T, socket string, serve func(net.Conn)) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(socket), 0o755); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				serve(conn)
			})
		}
	})
	t.Cleanup(running.Wait)
	t.Cleanup(func() { listener.Close() })
}

func (f *fakeManager) serve(conn net.Conn) {
	in := bufio.NewReader(conn)
	if !authenticate(in, conn) {
		return
	}
	for {
		call, err := godbus.DecodeMessage(in)
		if err != nil {
			return
		}
		if reply := f.reply(call); reply != nil && reply.EncodeTo(conn, binary.LittleEndian) != nil {
			return
		}
	}
}

// authenticate implements the server side of the D-Bus handshake.
func authenticate(in *bufio.Reader, out io.Writer) bool {
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return false
		}
		answer := "ERROR\r\n"
		switch word := strings.Fields(strings.TrimLeft(line, "\x00")); word[0] {
		case "AUTH":
			answer = "REJECTED EXTERNAL\r\n"
			if len(word) > 1 {
				answer = "OK 0123456789abcdef0123456789abcdef\r\n"
			}
		case "BEGIN":
			return true
		}
		if _, err := io.WriteString(out, answer); err != nil {
			return false
		}
	}
}

func (f *fakeManager) reply(call *godbus.Message) *godbus.Message {
	member := call.Headers[godbus.FieldMember].Value().(string)
	f.note(member, call.Body)
	serial := godbus.MakeVariant(call.Serial())
	body, ok := f.answers[member]
	if !ok {
		return &godbus.Message{Type: godbus.TypeError, Body: []any{member + " is refused"}, Headers: map[godbus.HeaderField]godbus.Variant{
			godbus.FieldReplySerial: serial,
			godbus.FieldErrorName:   godbus.MakeVariant("org.freedesktop.DBus.Error.Failed"),
			godbus.FieldSignature:   godbus.MakeVariant(godbus.SignatureOf("")),
		}}
	}
	if len(body) == 1 && body[0] == silence {
		return nil
	}
	headers := map[godbus.HeaderField]godbus.Variant{godbus.FieldReplySerial: serial}
	if len(body) > 0 {
		headers[godbus.FieldSignature] = godbus.MakeVariant(godbus.SignatureOf(body...))
	}
	return &godbus.Message{Type: godbus.TypeMethodReply, Headers: headers, Body: body}
}

func (f *fakeManager) note(member string, body []any) {
	if member == "AddMatch" { // sent by the library
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, strings.TrimSpace(fmt.Sprintln(append([]any{member}, body...)...)))
}

func (f *fakeManager) called() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

func (f *fakeManager) connect(t *testing.T) *Manager {
	t.Helper()
	m, err := connect(t.Context(), f.root, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}
