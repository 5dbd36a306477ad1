// Package ena reads the counters of packets that EC2 dropped because the instance exceeded one of its network
// allowances: bandwidth, packets per second, tracked connections, and link-local services (the VPC resolver, the
// metadata service and the time service). The ENA driver provides them as ethtool statistics (EC2 user guide, "Monitor
// network performance for ENA settings").
//
// It reads only interfaces in the network namespace of this process, so not those that ECS gave to tasks in awsvpc
// mode.
package ena

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// ErrNone means that no interface has these counters: it is not an ENA, or its driver is older than 2.2.10.
var ErrNone = errors.New("no network interface has the allowance counters of ENA")

// suffix is the end of the counters' names: bw_in_allowance_exceeded, bw_out_, pps_, conntrack_ and
// linklocal_allowance_exceeded.
const suffix = "_allowance_exceeded"

const (
	nameLen   = 32 // ETH_GSTRING_LEN (linux/ethtool.h)
	maxValues = 4096
)

// exceeded adds up the allowance counters of an interface. It takes the names and values of all statistics in the
// kernel's format: names of nameLen bytes each, and values of 8 bytes. It returns false if there is no such counter.
func exceeded(names, values []byte) (sum uint64, known bool) {
	for i := 0; (i+1)*nameLen <= len(names) && (i+1)*8 <= len(values); i++ {
		name, _, _ := bytes.Cut(names[i*nameLen:(i+1)*nameLen], []byte{0})
		if strings.HasSuffix(string(name), suffix) {
			sum, known = sum+binary.NativeEndian.Uint64(values[i*8:]), true
		}
	}
	return sum, known
}

// Exceeded returns how many packets were dropped or queued because of an allowance since the driver was loaded, over
// all interfaces. It returns ErrNone if no interface has such counters.
func Exceeded() (uint64, error) {
	names, err := interfaces()
	if err != nil {
		return 0, fmt.Errorf("listing the network interfaces: %w", err)
	}
	var sum uint64
	some := false
	for _, name := range names {
		n, known, err := statistics(name)
		if err != nil {
			continue // the interface has none: a bridge, or a veth pair that was removed
		}
		sum, some = sum+n, some || known
	}
	if !some {
		return 0, ErrNone
	}
	return sum, nil
}
