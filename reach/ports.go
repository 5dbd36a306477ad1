package reach

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Range is an inclusive range of ports. First must not be greater than Last.
type Range struct{ First, Last uint16 }

// AnyPort returns the range of all ports.
func AnyPort() Range { return Range{0, 65535} }

// LinuxEphemeral returns the default range of source ports on Linux: net.ipv4.ip_local_port_range, "32768 60999".
func LinuxEphemeral() Range { return Range{32768, 60999} }

// BalancerEphemeral returns the range of source ports that load balancers and NAT gateways use (VPC user guide, network
// ACLs).
func BalancerEphemeral() Range { return Range{1024, 65535} }

// ParseRange parses "9000" or "9000-9009".
func ParseRange(s string) (Range, error) {
	first, last, two := strings.Cut(s, "-")
	if !two {
		last = first
	}
	from, err := parsePort(first)
	if err != nil {
		return Range{}, err
	}
	to, err := parsePort(last)
	if err != nil {
		return Range{}, err
	}
	return NewRange(from, to)
}

func parsePort(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("port %q is not a number", s)
	}
	return n, nil
}

// NewRange returns an error if a port is outside 0-65535 or first is greater than last.
func NewRange(first, last int64) (Range, error) {
	for _, port := range []int64{first, last} {
		if port < 0 || port > 65535 {
			return Range{}, fmt.Errorf("port %d is outside 0-65535", port)
		}
	}
	if first > last {
		return Range{}, fmt.Errorf("first port %d is above last port %d", first, last)
	}
	return Range{uint16(first), uint16(last)}, nil
}

// String returns "9000" or "9000-9009".
func (r Range) String() string {
	if r.First == r.Last {
		return strconv.Itoa(int(r.First))
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

func (r Range) overlaps(o Range) bool { return r.First <= o.Last && o.First <= r.Last }

func (r Range) contains(o Range) bool { return r.First <= o.First && o.Last <= r.Last }

func (r Range) set() Ports { return Ports{r} }

// Ports is a set of ports: ranges in ascending order that neither overlap nor are adjacent. Sets are immutable: no
// method changes its receiver or argument.
type Ports []Range

// PortsOf returns the union of the ranges.
func PortsOf(ranges ...Range) Ports {
	sorted := slices.Clone(ranges)
	slices.SortFunc(sorted, func(a, b Range) int { return int(a.First) - int(b.First) })
	var out Ports
	for _, r := range sorted {
		// Compare as int, because 65535+1 overflows uint16.
		if n := len(out); n > 0 && int(r.First) <= int(out[n-1].Last)+1 {
			out[n-1].Last = max(out[n-1].Last, r.Last)
			continue
		}
		out = append(out, r)
	}
	return out
}

// Union returns the ports that are in p or q.
func (p Ports) Union(q Ports) Ports {
	switch {
	case len(p) == 0:
		return q
	case len(q) == 0:
		return p
	}
	return PortsOf(slices.Concat(p, q)...)
}

// Intersect returns the ports that are in both p and q.
func (p Ports) Intersect(q Ports) Ports {
	var out Ports
	for i, j := 0, 0; i < len(p) && j < len(q); {
		if first, last := max(p[i].First, q[j].First), min(p[i].Last, q[j].Last); first <= last {
			out = append(out, Range{first, last})
		}
		if p[i].Last < q[j].Last {
			i++
		} else {
			j++
		}
	}
	return out
}

// Subtract returns the ports that are in p but not in q.
func (p Ports) Subtract(q Ports) Ports {
	return p.Intersect(q.complement())
}

func (p Ports) complement() Ports {
	var out Ports
	next := 0
	for _, r := range p {
		if int(r.First) > next {
			out = append(out, Range{uint16(next), r.First - 1})
		}
		next = int(r.Last) + 1
	}
	if next <= 65535 {
		out = append(out, Range{uint16(next), 65535})
	}
	return out
}

// Covers reports whether p contains all ports of q.
func (p Ports) Covers(q Ports) bool { return len(q.Subtract(p)) == 0 }

// Has reports whether p contains the port.
func (p Ports) Has(port uint16) bool {
	return slices.ContainsFunc(p, func(r Range) bool { return r.First <= port && port <= r.Last })
}

// Count returns the number of ports in p.
func (p Ports) Count() int {
	n := 0
	for _, r := range p {
		n += int(r.Last) - int(r.First) + 1
	}
	return n
}

// String returns text such as "47100-47105,47109", or "none" for the empty set.
func (p Ports) String() string {
	if len(p) == 0 {
		return "none"
	}
	var b strings.Builder
	for i, r := range p {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(r.String())
	}
	return b.String()
}
