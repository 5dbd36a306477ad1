package record

import (
	"time"

	"golang.org/x/sys/unix"
)

// Since is when the ECS agent's story begins, to the second: with the boot, or
// with the bootstrap that set it up in this boot. An older log line is another
// story's, from before a reboot or from the image. Where the system does not tell
// how long it is up, the bootstrap counts alone.
func (r Record) Since() time.Time {
	var host unix.Sysinfo_t
	since := r.At
	if err := unix.Sysinfo(&host); err == nil {
		if boot := time.Now().Add(-time.Duration(host.Uptime) * time.Second); boot.After(since) {
			since = boot
		}
	}
	return since.Truncate(time.Second)
}
