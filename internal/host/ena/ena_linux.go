package ena

import (
	"encoding/binary"
	"fmt"
	"net"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Requests of SIOCETHTOOL (linux/ethtool.h). They need no privilege (net/ethtool/ioctl.c, dev_ethtool).
const (
	getStrings = 0x1b // ETHTOOL_GSTRINGS
	getStats   = 0x1d // ETHTOOL_GSTATS
	getCounts  = 0x37 // ETHTOOL_GSSET_INFO
	statsSet   = 1    // ETH_SS_STATS
)

// interfaces returns the interfaces that may be ENAs. Interfaces that Docker created have no such counters.
func interfaces() ([]string, error) {
	all, err := net.Interfaces()
	var names []string
	for _, i := range all {
		virtual := strings.HasPrefix(i.Name, "veth") || strings.HasPrefix(i.Name, "docker") || strings.HasPrefix(i.Name, "br-")
		if i.Flags&net.FlagLoopback == 0 && !virtual {
			names = append(names, i.Name)
		}
	}
	return names, err
}

// statistics returns the sum of the allowance counters of an interface.
func statistics(name string) (sum uint64, known bool, err error) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, false, err
	}
	defer unix.Close(socket)
	n, err := count(socket, name)
	if err != nil || n == 0 {
		return 0, false, err
	}
	// Formats: struct ethtool_gstrings has cmd, string_set, len and data. struct ethtool_stats has cmd, n_stats and
	// data.
	names := make([]byte, 12+n*nameLen)
	binary.NativeEndian.PutUint32(names, getStrings)
	binary.NativeEndian.PutUint32(names[4:], statsSet)
	binary.NativeEndian.PutUint32(names[8:], uint32(n))
	if err := ethtool(socket, name, names); err != nil {
		return 0, false, err
	}
	values := make([]byte, 8+n*8)
	binary.NativeEndian.PutUint32(values, getStats)
	binary.NativeEndian.PutUint32(values[4:], uint32(n))
	if err := ethtool(socket, name, values); err != nil {
		return 0, false, err
	}
	sum, known = exceeded(names[12:], values[8:])
	return sum, known, nil
}

// count returns the number of statistics. struct ethtool_sset_info has cmd, reserved, a mask of sets, and a number for
// each set.
func count(socket int, name string) (int, error) {
	info := make([]byte, 20)
	binary.NativeEndian.PutUint32(info, getCounts)
	binary.NativeEndian.PutUint64(info[8:], 1<<statsSet)
	if err := ethtool(socket, name, info); err != nil {
		return 0, err
	}
	if binary.NativeEndian.Uint64(info[8:]) == 0 {
		return 0, nil // the interface has no such set
	}
	n := binary.NativeEndian.Uint32(info[16:])
	if n > maxValues {
		return 0, fmt.Errorf("%s has %d statistics, more than the %d that muster reads", name, n, maxValues)
	}
	return int(n), nil
}

// request is struct ifreq with a pointer in its union.
type request struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [16]byte
}

func ethtool(socket int, name string, data []byte) error {
	var r request
	if len(name) >= len(r.name) {
		return unix.EINVAL
	}
	copy(r.name[:], name)
	r.data = unsafe.Pointer(&data[0]) //nolint:gosec // the kernel writes to it
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(socket), unix.SIOCETHTOOL,
		uintptr(unsafe.Pointer(&r))) //nolint:gosec // as ioctl(2) needs it
	runtime.KeepAlive(data)
	if errno != 0 {
		return errno
	}
	return nil
}
