package bundle

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"muster/internal/host/kernel"
)

// host returns general information about this host.
func host(_ context.Context, s Source) part {
	var names [][2]string
	for _, p := range []string{"/etc/os-release", "/etc/resolv.conf", "/proc/version", "/proc/uptime", "/proc/loadavg", "/proc/meminfo",
		"/proc/mounts",
		"/proc/pressure/cpu", "/proc/pressure/io", "/proc/pressure/memory", "/proc/net/route", "/proc/net/ipv6_route", "/proc/stat"} {
		names = append(names, [2]string{"host/" + strings.TrimPrefix(strings.ReplaceAll(strings.TrimPrefix(p, "/etc/"), "/", "-"), "-"),
			s.Config.Path(p)})
	}
	p := copied(text, false, names...)
	var kept []file
	for _, f := range p.files {
		switch path.Base(f.name) {
		case "proc-stat":
			p.story.moments = append(p.story.moments, moment{bootTime(f.data), "kernel", "the kernel starts", false})
		case "proc-net-route":
			f.name, f.data = "host/routes", routes(f.data)
			kept = append(kept, f)
		default:
			kept = append(kept, f)
		}
	}
	addrs, err := addresses()
	kept = append(kept, file{name: "host/space", source: "statfs", data: space(s)},
		file{name: "host/addresses", source: "the kernel", data: addrs})
	p.files, p.err = kept, errors.Join(p.err, err)
	return p
}

// bootTime returns the boot time from /proc/stat: btime, in seconds since 1970 (proc_stat(5)).
func bootTime(stat []byte) time.Time {
	_, after, _ := strings.Cut("\n"+string(stat), "\nbtime ")
	line, _, _ := strings.Cut(after, "\n")
	at, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(at, 0).UTC()
}

func seconds(since1970 float64) time.Time {
	if since1970 <= 0 || since1970 > 1<<40 {
		return time.Time{}
	}
	return time.UnixMilli(int64(since1970 * 1000)).UTC()
}

// space returns the free space of the relevant file systems. It does not query others, because a network file system
// may hang.
func space(s Source) []byte {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "PATH\tSIZE\tFREE\tINODES\tFREE INODES")
	for _, p := range []string{"/", "/var/lib/docker", "/var/lib/ecs", "/var/log", "/var/lib/muster", "/run", "/tmp"} {
		f, err := kernel.FileSystemAt(s.Config.Path(p))
		if err != nil {
			_, _ = fmt.Fprintf(t, "%s\t%v\n", p, err)
			continue
		}
		_, _ = fmt.Fprintf(t, "%s\t%d MiB\t%d MiB\t%d\t%d\n", p, f.Size>>20, f.Available>>20, f.Inodes, f.Left)
	}
	_ = t.Flush()
	return []byte(b.String())
}

func addresses() ([]byte, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("listing the interfaces: %w", err)
	}
	var b strings.Builder
	for _, i := range interfaces {
		addrs, _ := i.Addrs()
		fmt.Fprintf(&b, "%s mtu %d %s %s %v\n", i.Name, i.MTU, i.HardwareAddr, i.Flags, addrs)
	}
	return []byte(b.String()), nil
}

// routes makes /proc/net/route readable. Its addresses are hexadecimal, in the host's byte order.
func routes(table []byte) []byte {
	var b strings.Builder
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if len(f) < 8 || f[1] == "Destination" {
			continue
		}
		to, via, mask := hexAddr(f[1]), hexAddr(f[2]), hexAddr(f[7])
		if !to.IsValid() || !via.IsValid() || !mask.IsValid() {
			fmt.Fprintf(&b, "%s", line)
			continue
		}
		bits, _ := net.IPMask(mask.AsSlice()).Size()
		fmt.Fprintf(&b, "%s via %s dev %s metric %s\n", netip.PrefixFrom(to, bits), via, f[0], f[6])
	}
	return []byte(b.String())
}

func hexAddr(text string) netip.Addr {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != 4 {
		return netip.Addr{}
	}
	var addr [4]byte
	binary.NativeEndian.PutUint32(addr[:], binary.BigEndian.Uint32(raw))
	return netip.AddrFrom4(addr)
}
