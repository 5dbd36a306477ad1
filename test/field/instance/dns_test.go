//go:build linux

package instance

import (
	"bytes"
	"encoding/binary"
	"net"
	"testing"
)

// query builds a DNS query for one name (RFC 1035, section 4.1).
func query(kind uint16, labels ...string) []byte {
	q := []byte{0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	for _, l := range labels {
		q = append(append(q, byte(len(l))), l...)
	}
	q = append(q, 0)
	return append(binary.BigEndian.AppendUint16(q, kind), 0, 1)
}

func TestResolve(t *testing.T) {
	zone := map[string]string{"ecs.": "52.94.1.1", "ecs.eu-": "10.0.9.1", "ecs-a.": "none", "ecs-t.": "silence", "ec2.": "2001:db8::1"}
	for _, c := range []struct {
		name    string
		query   []byte
		code    byte // RCODE: 0 no error, 3 no such name
		address string
	}{
		{"an address", query(typeA, "ecs", "us-east-1", "amazonaws", "com"), 0, "52.94.1.1"},
		{"the longest prefix", query(typeA, "ecs", "eu-central-1", "amazonaws", "com"), 0, "10.0.9.1"},
		{"in any case", query(typeA, "ECS", "Us-east-1"), 0, "52.94.1.1"},
		{"no IPv6 address", query(typeAAAA, "ecs", "us-east-1"), 0, ""},
		{"an IPv6 address", query(typeAAAA, "ec2", "us-east-1"), 0, "2001:db8::1"},
		{"another type", query(16, "ecs", "us-east-1"), 0, ""},
		{"no such name, as the case says", query(typeA, "ecs-a", "us-east-1"), nameError, ""},
		{"a name that the zone does not have", query(typeA, "example", "com"), nameError, ""},
	} {
		got := resolve(zone, c.query)
		if got == nil {
			t.Errorf("%s: no response", c.name)
			continue
		}
		if !bytes.Equal(got[:2], c.query[:2]) || got[2]&0x80 == 0 || got[3]&0xf != c.code {
			t.Errorf("%s: header % x", c.name, got[:dnsHeader])
		}
		address := ""
		if binary.BigEndian.Uint16(got[6:]) == 1 {
			record := got[len(c.query):]
			address = net.IP(record[12:]).String()
		}
		if address != c.address {
			t.Errorf("%s: got address %q, want %q", c.name, address, c.address)
		}
	}
}

func TestResolveGivesNoResponse(t *testing.T) {
	zone := map[string]string{"ecs.": "silence"}
	for name, q := range map[string][]byte{
		"silence":               query(typeA, "ecs", "us-east-1"),
		"nothing":               {},
		"only a header":         query(typeA)[:dnsHeader],
		"no question":           make([]byte, 40),
		"a name without an end": query(typeA, "ecs")[:dnsHeader+4],
		"no type":               query(typeA, "ecs")[:dnsHeader+6],
		"a compression pointer": append(query(typeA)[:dnsHeader], 0xc0, dnsHeader, 0, 1, 0, 1),
	} {
		if got := resolve(zone, q); got != nil {
			t.Errorf("%s: % x", name, got)
		}
	}
}

// FuzzResolve checks that no packet makes the resolver panic, and that a response has the id and the question of its
// query.
func FuzzResolve(f *testing.F) {
	f.Add(query(typeA, "ecs", "eu-central-1", "amazonaws", "com"))
	f.Add(query(typeAAAA, "ec2"))
	f.Add(append(query(typeA)[:dnsHeader], 0xc0, dnsHeader, 0, 1, 0, 1))
	f.Add([]byte{0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 63})
	zone := map[string]string{"ecs.": "52.94.1.1", "ec2.": "2001:db8::1"}
	f.Fuzz(func(t *testing.T, q []byte) {
		got := resolve(zone, q)
		if got == nil {
			return
		}
		_, end, ok := question(q)
		if !ok || !bytes.Equal(got[:2], q[:2]) || !bytes.Equal(got[dnsHeader:end], q[dnsHeader:end]) {
			t.Errorf("query % x: response % x", q, got)
		}
	})
}
