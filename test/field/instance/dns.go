//go:build linux

package instance

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
)

// Parts of the DNS wire format (RFC 1035, section 4; AAAA: RFC 3596).
const (
	dnsHeader   = 12
	typeA       = 1
	typeAAAA    = 28
	nameError   = 3 // RCODE
	answerTTL   = 60
	maxLabel    = 63
	maxQuestion = 512
)

// serveDNS responds to queries at the resolver's address. The zone maps the prefix of a name to an address, "none" (no
// such name) or "silence" (no response).
func serveDNS(zone map[string]string) error {
	conn, err := net.ListenPacket("udp", resolverAddr+":53")
	if err != nil {
		return err
	}
	go func() {
		query := make([]byte, maxQuestion)
		for {
			n, from, err := conn.ReadFrom(query)
			if err != nil {
				return
			}
			if response := resolve(zone, query[:n]); response != nil {
				_, _ = conn.WriteTo(response, from)
			}
		}
	}()
	return nil
}

// resolve returns the response to a query, or nil for no response. A name without a prefix in the zone does not exist.
func resolve(zone map[string]string, query []byte) []byte {
	name, end, ok := question(query)
	if !ok {
		return nil
	}
	to, known := byPrefix(zone, name)
	if to == "silence" {
		return nil
	}
	response := append([]byte(nil), query[:end]...)
	// Flags QR and AA; one question, no record yet.
	copy(response[2:], []byte{0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	if !known || to == "none" {
		response[3] |= nameError
		return response
	}
	addr, err := netip.ParseAddr(to)
	kind := binary.BigEndian.Uint16(query[end-4:])
	if err != nil || kind != typeA && kind != typeAAAA || (kind == typeA) != addr.Is4() {
		return response // the name exists, but has no such record
	}
	response[7] = 1
	response = append(response, 0xc0, dnsHeader) // the name in the question
	response = binary.BigEndian.AppendUint16(response, kind)
	response = binary.BigEndian.AppendUint16(response, 1) // class IN
	response = binary.BigEndian.AppendUint32(response, answerTTL)
	data := addr.AsSlice()
	response = binary.BigEndian.AppendUint16(response, uint16(len(data)))
	return append(response, data...)
}

// question returns the lower-case name of the first question in a query, and the offset of its end.
func question(query []byte) (name string, end int, ok bool) {
	if len(query) < dnsHeader || binary.BigEndian.Uint16(query[4:]) == 0 {
		return "", 0, false
	}
	var labels []string
	for at := dnsHeader; at < len(query); {
		n := int(query[at])
		at++
		if n == 0 {
			end = at + 4 // type and class
			return strings.ToLower(strings.Join(labels, ".")), end, end <= len(query)
		}
		if n > maxLabel || at+n > len(query) { // also a compression pointer, which never occurs in a question
			return "", 0, false
		}
		labels = append(labels, string(query[at:at+n]))
		at += n
	}
	return "", 0, false
}
