// Package ena reads the counters of packets that EC2 dropped because an instance was over one of its network allowances:
// bandwidth, packets a second, tracked connections, and link-local services (the VPC resolver, the metadata service and the time
// service). The ENA driver has them as statistics of ethtool (EC2 user guide, "Monitor network performance for ENA settings").
//
// Only the interfaces of the network namespace of this process are read, and so not those that ECS gave to tasks in awsvpc mode.
package ena

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// ErrNone means that no interface here has these counters: it is not an ENA, or its driver is older than 2.2.10.
var ErrNone = errors.New("no network interface has the allowance counters of ENA")

// suffix ends the names of the counters: bw_in_allowance_exceeded, bw_out_, pps_, conntrack_ and linklocal_allowance_exceeded.
const suffix = "_allowance_exceeded"

const (
	nameLen   = 32 // ETH_GSTRING_LEN (linux/ethtool.h)
	maxValues = 4096
)

// exceeded adds up the allowance counters of an interface, given the names and the values of all its statistics, as the kernel
// copies them: names of nameLen bytes each, values of 8. It is false if there is none.
func exceeded(names, values []byte) (sum uint64, known bool) {
	for i := 0; (i+1)*nameLen <= len(names) && (i+1)*8 <= len(values); i++ {
		name, _, _ := bytes.Cut(names[i*nameLen:(i+1)*nameLen], []byte{0})
		if strings.HasSuffix(string(name), suffix) {
			sum, known = sum+binary.NativeEndian.Uint64(values[i*8:]), true
		}
	}
	return sum, known
}

// Exceeded returns how many packets were dropped or queued over an allowance, since the driver was loaded, over all interfaces
// here. Without such counters the error is ErrNone.
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
			continue // it has none: a bridge, or a veth pair that is gone by now
		}
		sum, some = sum+n, some || known
	}
	if !some {
		return 0, ErrNone
	}
	return sum, nil
}
