package record

import "time"

// Since is when the ECS agent's story begins, to the second: with the boot, or
// with the bootstrap that set it up in this boot. An older log line is another
// story's, from before a reboot or from the image. Where the system does not tell
// how long it is up, the bootstrap counts alone.
func (r Record) Since() time.Time {
	since := r.At
	if up, known := uptime(); known {
		if boot := time.Now().Add(-up); boot.After(since) {
			since = boot
		}
	}
	return since.Truncate(time.Second)
}
