package record

import (
	"time"

	"golang.org/x/sys/unix"
)

// uptime returns the time since boot, to the second.
func uptime() (up time.Duration, known bool) {
	var host unix.Sysinfo_t
	err := unix.Sysinfo(&host)
	return time.Duration(host.Uptime) * time.Second, err == nil
}
