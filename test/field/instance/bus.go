//go:build linux

package instance

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"path"
	"strings"

	"github.com/godbus/dbus/v5"
)

// serveBus speaks D-Bus on one connection, without a bus daemon, like systemd on its private socket: it authenticates
// the client, then replies to each call.
func serveBus(conn net.Conn, reply func(member string, at dbus.ObjectPath, body []any) []any) {
	in := bufio.NewReader(conn)
	if !authenticate(in, conn) {
		return
	}
	for {
		call, err := dbus.DecodeMessage(in)
		if err != nil {
			return
		}
		member, _ := call.Headers[dbus.FieldMember].Value().(string)
		at, _ := call.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
		headers := map[dbus.HeaderField]dbus.Variant{dbus.FieldReplySerial: dbus.MakeVariant(call.Serial())}
		body := reply(member, at, call.Body)
		if len(body) > 0 {
			headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(body...))
		}
		answer := &dbus.Message{Type: dbus.TypeMethodReply, Headers: headers, Body: body}
		if answer.EncodeTo(conn, binary.LittleEndian) != nil {
			return
		}
	}
}

// authenticate accepts any client that names a mechanism and an identity, and reports whether the client then started to
// send messages.
func authenticate(in *bufio.Reader, out io.Writer) bool {
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return false
		}
		words := strings.Fields(strings.TrimLeft(line, "\x00"))
		answer := "ERROR\r\n"
		switch {
		case len(words) > 0 && words[0] == "BEGIN":
			return true
		case len(words) > 1 && words[0] == "AUTH":
			answer = "OK 0123456789abcdef0123456789abcdef\r\n"
		case len(words) == 1 && words[0] == "AUTH":
			answer = "REJECTED EXTERNAL\r\n"
		}
		if _, err := io.WriteString(out, answer); err != nil {
			return false
		}
	}
}

// unitName unescapes a unit's name from its object path: systemd writes every byte except letters and digits as _ and
// two hexadecimal digits.
func unitName(at dbus.ObjectPath) string {
	escaped := path.Base(string(at))
	var name strings.Builder
	for i := 0; i < len(escaped); i++ {
		if escaped[i] == '_' && i+2 < len(escaped) {
			if b, err := hex.DecodeString(escaped[i+1 : i+3]); err == nil {
				name.Write(b)
				i += 2
				continue
			}
		}
		name.WriteByte(escaped[i])
	}
	return name.String()
}
