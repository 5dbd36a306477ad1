package reach

import (
	"reflect"
	"testing"
	"testing/quick"
)

// bits is a simple implementation of a set of ports, for comparison.
type bits [1 << 16]bool

func (b *bits) add(p Ports) *bits {
	for _, r := range p {
		for i := int(r.First); i <= int(r.Last); i++ {
			b[i] = true
		}
	}
	return b
}

func portsFrom(pairs []uint16) Ports {
	var ranges []Range
	for i := 0; i+1 < len(pairs); i += 2 {
		first := pairs[i]
		if i%4 == 0 {
			first = 65535 - first%16 // the end of the range, where sums overflow
		}
		ranges = append(ranges, Range{first, max(first, min(65535, pairs[i+1]))})
	}
	return PortsOf(ranges...)
}

func TestSetOperationsAgreeWithBits(t *testing.T) {
	agree := func(x, y []uint16) bool {
		p, q := portsFrom(x), portsFrom(y)
		a, b := new(bits).add(p), new(bits).add(q)
		union, inter, diff := new(bits).add(p.Union(q)), new(bits).add(p.Intersect(q)), new(bits).add(p.Subtract(q))
		for i := range a {
			if union[i] != (a[i] || b[i]) || inter[i] != (a[i] && b[i]) || diff[i] != (a[i] && !b[i]) {
				return false
			}
		}
		return normal(p) && normal(p.Union(q)) && normal(p.Intersect(q)) && normal(p.Subtract(q)) &&
			p.Covers(q) == (q.Subtract(p).Count() == 0)
	}
	if err := quick.Check(agree, &quick.Config{MaxCount: 100}); err != nil {
		t.Error(err)
	}
}

func normal(p Ports) bool {
	for i, r := range p {
		if r.First > r.Last || i > 0 && int(p[i-1].Last)+1 >= int(r.First) {
			return false
		}
	}
	return true
}

func TestSetsAreValues(t *testing.T) {
	p, q := PortsOf(Range{1, 5}, Range{9, 12}), PortsOf(Range{4, 10})
	_, _, _ = p.Union(q), p.Intersect(q), p.Subtract(q)
	if p.String() != "1-5,9-12" || q.String() != "4-10" {
		t.Errorf("changed to %s and %s", p, q)
	}
}

func TestPortsAtTheEdges(t *testing.T) {
	all := PortsOf(Range{0, 65535})
	for name, got := range map[string]Ports{
		"0-65535":   PortsOf(Range{0, 100}, Range{101, 65535}),
		"0-65534":   all.Subtract(PortsOf(Range{65535, 65535})),
		"1-65535":   all.Subtract(PortsOf(Range{0, 0})),
		"none":      all.Subtract(all),
		"5":         PortsOf(Range{5, 5}, Range{5, 5}),
		"0,65535":   PortsOf(Range{65535, 65535}, Range{0, 0}),
		"100-65535": PortsOf(Range{100, 65535}, Range{200, 300}),
	} {
		if got.String() != name {
			t.Errorf("got %s, want %s", got, name)
		}
	}
	if all.Count() != 65536 || !all.Has(0) || !all.Has(65535) || (Ports)(nil).Has(0) {
		t.Error("count or membership at the edges")
	}
}

func TestParseRange(t *testing.T) {
	for text, expected := range map[string]Range{"9000": {9000, 9000}, "9000-9009": {9000, 9009}, "0-65535": {0, 65535}} {
		if got, err := ParseRange(text); err != nil || got != expected || got.String() != text {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for text, message := range map[string]string{
		"": "not a number", "a": "not a number", "1-": "not a number", "1-2-3": "not a number", "-1": "not a number",
		"9-8": "above last", "70000": "outside 0-65535", "1-65536": "outside 0-65535", "99999999999999999999": "not a number",
	} {
		if _, err := ParseRange(text); err == nil {
			t.Errorf("%q passed", text)
		} else {
			contains(t, err.Error(), message)
		}
	}
}

func TestProtocolForms(t *testing.T) {
	for text, expected := range map[string]Protocol{
		"tcp": TCP, "TCP": TCP, "6": TCP, " Udp ": UDP, "17": UDP, "icmp": ICMP, "1": ICMP, "ICMPv6": ICMPv6, "58": ICMPv6,
		"-1": AllProtocols, "all": AllProtocols, "50": Protocol(50), "0": Protocol(0), "255": Protocol(255),
	} {
		if got, err := ParseProtocol(text); err != nil || got != expected {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "tpc", "-2", "256", "6.0", "99999"} {
		if got, err := ParseProtocol(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
	if got := []string{AllProtocols.wire(), TCP.wire(), Protocol(50).wire()}; !reflect.DeepEqual(got, []string{"-1", "tcp", "50"}) {
		t.Errorf("wire forms %v", got)
	}
}
