package agentstate

import (
	"cmp"
	"fmt"
	"time"

	"muster/internal/base/fix"
)

// silent returns the time since which minutes have been due but none was sent, if that is long enough to be a problem.
// The state of an older agent has no Overdue, only Failing.
func (p Publishing) silent(now time.Time) (since time.Time, is bool) {
	since = p.Overdue
	if since.IsZero() {
		since = p.Failing
	}
	return since, !since.IsZero() && now.Sub(since) > failingLong
}

// warning returns the end of the status line if nothing is being sent.
func (p Publishing) warning(now time.Time) string {
	since, is := p.silent(now)
	if !is || !p.Failing.IsZero() { // the line already says that sending fails
		return ""
	}
	return fmt.Sprintf("; NOTHING SENT for %s: %s", age(now, since), p.reason())
}

func (p Publishing) reason() string { return cmp.Or(p.Why, "unknown reason") }

// publishingFix returns the fix for metrics that are not sent.
func (s State) publishingFix() fix.Fix {
	switch s.Publishing.Cause {
	case "lock":
		return fix.Do("Find the other muster-agent process that uses the spool, and stop one of the two:", "pgrep -af 'muster agent'")
	case "spool":
		return fix.Do("Repair the file or the disk that the error names; muster-agent then continues by itself. To read its log:",
			"sudo journalctl -u muster-agent -n 50 --no-pager")
	case "exhausted":
		return fix.Do("Find what uses up the open files or the memory of muster-agent, then restart it:",
			fmt.Sprintf("sudo ls -l /proc/%d/fd", s.PID),
			"systemctl show muster-agent -p LimitNOFILE -p MemoryMax",
			"sudo systemctl restart muster-agent")
	case "clock":
		return fix.Do("Correct the clock:", "sudo chronyc makestep", "chronyc tracking")
	case "credentials":
		return fix.Do("Attach an instance profile whose role allows cloudwatch:PutMetricData.")
	case "denied":
		return fix.Do("Allow cloudwatch:PutMetricData in the instance role, and in the policy of the VPC endpoint if there is one.")
	case "unreachable":
		return fix.Do("Open port 443 to the CloudWatch endpoint: a NAT gateway, a public address, or a VPC endpoint for monitoring.")
	case "throttled":
		return fix.Do("Raise the account's quota of PutMetricData requests, or find what uses it up.")
	}
	return fix.Do("Allow cloudwatch:PutMetricData in the instance role, and port 443 to the CloudWatch endpoint.")
}
