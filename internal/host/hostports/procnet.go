package hostports

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"

	"muster/internal/file/safefile"
	"muster/reach"
)

// socket is a listening socket.
type socket struct {
	protocol reach.Protocol
	bound    netip.AddrPort
}

// stack holds the contents of /proc/net of one network namespace.
type stack struct {
	sockets []socket
	groups  []netip.Addr // IPv4 multicast groups that an interface has joined
}

// readStack reads the tables in dir. It returns an error for each unreadable table, and the contents of the others. A
// kernel without IPv6 or multicast has no such table, which is not an error.
func readStack(dir string) (stack, []error) {
	var s stack
	var failed []error
	for _, table := range []struct {
		name     string
		optional bool
		parse    func(io.Reader) error
	}{
		{"tcp", false, s.takeSockets(reach.TCP)},
		{"tcp6", true, s.takeSockets(reach.TCP)},
		{"udp", false, s.takeSockets(reach.UDP)},
		{"udp6", true, s.takeSockets(reach.UDP)},
		{"igmp", true, s.takeGroups},
	} {
		err := readTable(filepath.Join(dir, table.name), table.parse)
		if table.optional && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			failed = append(failed, err)
		}
	}
	return s, failed
}

func (s *stack) takeSockets(protocol reach.Protocol) func(io.Reader) error {
	return func(r io.Reader) error {
		found, err := parseSockets(r, protocol)
		s.sockets = append(s.sockets, found...)
		return err
	}
}

func (s *stack) takeGroups(r io.Reader) (err error) {
	s.groups, err = parseGroups(r)
	return err
}

func readTable(path string, parse func(io.Reader) error) error {
	file, err := safefile.Open(path)
	if err != nil {
		return err // contains the path
	}
	defer file.Close()
	if err := parse(file); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}

// States of a listening socket in the tables (include/net/tcp_states.h). An unconnected udp socket is "closed".
const (
	tcpListen = "0A"
	udpOpen   = "07"
)

// parseSockets parses tcp, tcp6, udp and udp6 (get_tcp4_sock of net/ipv4/tcp_ipv4.c and similar functions).
func parseSockets(r io.Reader, protocol reach.Protocol) ([]socket, error) {
	waits := map[reach.Protocol]string{reach.TCP: tcpListen, reach.UDP: udpOpen}[protocol]
	var out []socket
	err := eachLine(r, "sl", func(line string) error {
		fields := strings.Fields(line)
		if len(fields) < 4 {
			return fmt.Errorf("line %q is truncated", line)
		}
		if fields[3] != waits {
			return nil
		}
		bound, err := parseBound(fields[1])
		if err != nil {
			return fmt.Errorf("line %q: %w", line, err)
		}
		out = append(out, socket{protocol, bound})
		return nil
	})
	return out, err
}

// eachLine passes the lines after a header that starts with the given word to take.
func eachLine(r io.Reader, header string, take func(line string) error) error {
	lines := bufio.NewScanner(r)
	if !lines.Scan() || !strings.HasPrefix(strings.TrimSpace(lines.Text()), header) {
		return errors.Join(fmt.Errorf("it does not start with %q", header), lines.Err())
	}
	for lines.Scan() {
		if err := take(lines.Text()); err != nil {
			return err
		}
	}
	return lines.Err()
}

// parseBound parses "0100007F:B98C". An IPv4-mapped IPv6 address becomes IPv4, because a socket bound to it accepts only
// IPv4.
func parseBound(s string) (netip.AddrPort, error) {
	addr, port, _ := strings.Cut(s, ":")
	ip, err := parseAddr(addr)
	if err != nil {
		return netip.AddrPort{}, err
	}
	number, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("port %q is not hexadecimal", port)
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(number)), nil
}

// parseAddr parses one or four hexadecimal words. The kernel prints each as a host-order number of bytes in network
// order.
func parseAddr(s string) (netip.Addr, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 4 && len(b) != 16 {
		return netip.Addr{}, fmt.Errorf("address %q is neither 8 nor 32 hexadecimal digits", s)
	}
	for word := b; len(word) > 0; word = word[4:] {
		binary.NativeEndian.PutUint32(word, binary.BigEndian.Uint32(word))
	}
	addr, _ := netip.AddrFromSlice(b)
	return addr, nil
}

// parseGroups parses igmp (igmp_mc_seq_show of net/ipv4/igmp.c): interfaces, each followed by its groups, indented.
func parseGroups(r io.Reader) ([]netip.Addr, error) {
	var out []netip.Addr
	err := eachLine(r, "Idx", func(line string) error {
		if !strings.HasPrefix(line, "\t") {
			return nil
		}
		group, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		addr, err := parseAddr(group)
		if err != nil || !addr.Is4() {
			return fmt.Errorf("line %q has no IPv4 group", line)
		}
		out = append(out, addr)
		return nil
	})
	return out, err
}

// parsePortRange parses ip_local_port_range: "32768 60999".
func parsePortRange(r io.Reader) (reach.Range, error) {
	text, err := io.ReadAll(io.LimitReader(r, 64))
	if err != nil {
		return reach.Range{}, err
	}
	fields := strings.Fields(string(text))
	if len(fields) != 2 {
		return reach.Range{}, fmt.Errorf("%q is not two ports", text)
	}
	return reach.ParseRange(fields[0] + "-" + fields[1])
}

// parsePortList parses ip_local_reserved_ports (proc_do_large_bitmap of kernel/sysctl.c): "8080,47100-47199", or an
// empty line.
func parsePortList(r io.Reader) (reach.Ports, error) {
	text, err := io.ReadAll(io.LimitReader(r, 1<<20))
	if err != nil {
		return nil, err
	}
	var all []reach.Range
	for part := range strings.FieldsFuncSeq(string(text), func(c rune) bool { return c == ',' || c == '\n' }) {
		one, err := reach.ParseRange(part)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return reach.PortsOf(all...), nil
}

// hasDocker0 reports whether dev (dev_seq_show of net/core/net-procfs.c) lists Docker's bridge. It has one interface
// per line, after two header lines.
func hasDocker0(r io.Reader) (found bool, err error) {
	err = eachLine(r, "Inter-|", func(line string) error {
		found = found || strings.HasPrefix(strings.TrimSpace(line), "docker0:")
		return nil
	})
	return found, err
}
