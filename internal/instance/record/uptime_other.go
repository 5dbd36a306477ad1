//go:build !linux

package record

import "time"

func uptime() (up time.Duration, known bool) { return 0, false }
