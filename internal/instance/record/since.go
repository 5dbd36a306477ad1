package record

import "time"

// Since returns the time from which log lines of the ECS agent are relevant, truncated to seconds: the later of the
// boot and the last bootstrap. Older lines are from before a reboot or from the image. If the uptime is unknown, Since
// returns the time of the bootstrap.
func (r Record) Since() time.Time {
	since := r.At
	if up, known := uptime(); known {
		if boot := time.Now().Add(-up); boot.After(since) {
			since = boot
		}
	}
	return since.Truncate(time.Second)
}
