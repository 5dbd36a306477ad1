package hostports

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"muster/reach"
)

// As printed by a little-endian Linux 6.18.
const (
	realTCP = tcpHeader +
		"   0: 0100007F:B98C 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 914527 1 00000000851809bf 100 0 0 10 0    " +
		"                \n" +
		"   1: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 474 1 0000000083cc2975 100 0 0 10 0       " +
		"                \n" +
		"   2: 0100007F:A3E5 0100007F:D848 06 00000000:00000000 03:00001686 00000000     0        0 0 3 00000000c0a8c4e7                      " +
		"                \n"
	realTCP6 = tcp6Header +
		"   0: 00000000000000000000000000000000:B98C 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0    " +
		"    0 914971 2 00000000f01241f2 100 0 0 10 0\n" +
		"   1: 0000000000000000FFFF00000501000A:B7FC 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0    " +
		"    0 914972 2 00000000f01241f3 100 0 0 10 0\n" +
		"   2: B80D0120000000000000000001000000:B7FC 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0    " +
		"    0 914973 2 00000000f01241f4 100 0 0 10 0\n"
	realUDP = udpHeader +
		" 1204: 00000000:B928 00000000:0000 07 00000000:00000000 00:00000000 00000000   998        0 21040 2 0000000012345678 0         \n" +
		" 1205: 0501000A:B929 0202000A:0035 01 00000000:00000000 00:00000000 00000000   998        0 21041 2 0000000012345679 0         \n"
	realIGMP = igmpHeader + igmpAll +
		"4\teth0      :     1      V3\n\t\t\t\t040201E4     1 0:00000000\t\t0\n\t\t\t\t010000E0     1 0:00000000\t\t0\n"
)

func TestTablesOfTheKernel(t *testing.T) {
	for name, test := range map[string]struct {
		text     string
		protocol reach.Protocol
		want     string
	}{
		"tcp: listening sockets":          {realTCP, reach.TCP, "tcp 127.0.0.1:47500, tcp 0.0.0.0:2024"},
		"tcp6: mapped addresses are IPv4": {realTCP6, reach.TCP, "tcp [::]:47500, tcp 10.0.1.5:47100, tcp [2001:db8::1]:47100"},
		"udp: unconnected sockets":        {realUDP, reach.UDP, "udp 0.0.0.0:47400"},
		"only the header":                 {tcpHeader, reach.TCP, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseSockets(strings.NewReader(test.text), test.protocol)
			if err != nil || list(got, socket.String) != test.want {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	groups, err := parseGroups(strings.NewReader(realIGMP))
	if want := "224.0.0.1, 228.1.2.4"; err != nil || list(groups, netip.Addr.String) != want {
		t.Errorf("got %v, %v", groups, err)
	}
}

func TestInvalidTables(t *testing.T) {
	for _, text := range []string{"", "\n", "<html>", igmpHeader, tcpHeader + "\n", tcpHeader + "0: 0100007F:B98C\n",
		tcpHeader + "0: 0100007F 0:0 0A\n", tcpHeader + "0: 0100007F:1B98C 0:0 0A\n", tcpHeader + "0: 01007F:B98C 0:0 0A\n",
		tcpHeader + "0: 0100007F00:B98C 0:0 0A\n", tcpHeader + "0: xx00007F:B98C 0:0 0A\n", tcpHeader + strings.Repeat("x", 1<<20)} {
		if got, err := parseSockets(strings.NewReader(text), reach.TCP); err == nil {
			t.Errorf("%.80q: got %v", text, got)
		}
	}
	for _, text := range []string{"", realTCP, igmpHeader + "\t\t\t\t\n", igmpHeader + "\t\t\t\t0402 1\n", igmpHeader + "\t" +
		strings.Repeat("0", 32) + " 1\n"} {
		if got, err := parseGroups(strings.NewReader(text)); err == nil {
			t.Errorf("%.80q: got %v", text, got)
		}
	}
	for _, text := range []string{"", "32768", "1 2 3", "60999 32768", "-1 5", "a b", strings.Repeat("9", 100)} {
		if got, err := parsePortRange(strings.NewReader(text)); err == nil {
			t.Errorf("%.80q: got %v", text, got)
		}
	}
}

func TestInterfaceNameIsMatchedCompletely(t *testing.T) {
	for text, want := range map[string]bool{
		devHeader: false, devHeader + devDocker0: true, devHeader + "docker01: 1\n": false, devHeader + "xdocker0: 1\n": false, devHeader +
			"docker0:12 1\n": true,
	} {
		if got, err := hasDocker0(strings.NewReader(text)); got != want || err != nil {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
	if _, err := hasDocker0(strings.NewReader(realTCP)); err == nil {
		t.Error("another table is accepted as the interface table")
	}
}

// The tables of the machine that runs the test.
func TestTablesOfThisMachineAreRead(t *testing.T) {
	if _, failed := readStack("/proc/net"); len(failed) > 0 {
		t.Error(failed)
	}
}

func FuzzSockets(f *testing.F) {
	for _, text := range []string{realTCP, realTCP6, realUDP, igmpHeader, ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for protocol, state := range map[reach.Protocol]string{reach.TCP: tcpListen, reach.UDP: udpOpen} {
			got, err := parseSockets(strings.NewReader(text), protocol)
			if err == nil && len(got) > strings.Count(text, state) {
				t.Errorf("%d sockets out of %q", len(got), text)
			}
			for _, k := range got {
				// Each parsed address, printed again, must be in the text.
				addr := k.bound.Addr()
				mapped := netip.AddrFrom16(addr.As16())
				upper := strings.ToUpper(text)
				if !slices.ContainsFunc(
					[]string{hexAddr(addr), hexAddr(mapped)},
					func(s string) bool { return strings.Contains(upper, s) },
				) {
					t.Errorf("%s is not in %q", k, text)
				}
			}
		}
	})
}

func FuzzGroups(f *testing.F) {
	f.Add(realIGMP)
	f.Add(realTCP)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseGroups(strings.NewReader(text))
		if err == nil && len(got) > strings.Count(text, "\t") {
			t.Errorf("%d groups out of %q", len(got), text)
		}
		for _, group := range got {
			if !group.Is4() || !strings.Contains(strings.ToUpper(text), hexAddr(group)) {
				t.Errorf("%s is not in %q", group, text)
			}
		}
	})
}

func FuzzPortRange(f *testing.F) {
	f.Add("32768\t60999\n")
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := parsePortRange(strings.NewReader(text)); err == nil && got.First > got.Last {
			t.Errorf("%q: got %v", text, got)
		}
	})
}

func FuzzPortList(f *testing.F) {
	f.Add("8080,47100-47199\n")
	f.Add("\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parsePortList(strings.NewReader(text))
		if err == nil && len(got) > strings.Count(text, ",")+strings.Count(text, "\n")+1 {
			t.Errorf("%q: got %s", text, got)
		}
	})
}

func FuzzInterfaces(f *testing.F) {
	f.Add(devHeader + devDocker0)
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := hasDocker0(strings.NewReader(text)); err == nil && got && !strings.Contains(text, "docker0:") {
			t.Errorf("found in %q", text)
		}
	})
}
