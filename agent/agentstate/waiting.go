package agentstate

import (
	"time"

	"muster/internal/base/fix"
	"muster/internal/base/ownlimit"
)

// Problems at the start. Each is something that the agent needs and keeps requesting.
const (
	NeedIdentity = "muster-identity"
	NeedRegion   = "muster-region"
	NeedRole     = "muster-credentials"
	NeedRecord   = "muster-record"
	NeedSystemd  = "muster-systemd"
)

// Waiting is something that the agent needs but does not have yet.
type Waiting struct {
	ID    string    `json:"id"`   // one of the Need constants
	What  string    `json:"what"` // such as "instance metadata"
	Since time.Time `json:"since"`
	Why   string    `json:"why"`
	// Limit is the resource that muster-agent lacks to send the request. It is empty if there is no such limit.
	Limit string `json:"limit,omitempty"`
}

func (w Waiting) fix() fix.Fix {
	if to := ownlimit.Fix(w.Limit); !to.IsZero() {
		return to
	}
	switch w.ID {
	case NeedIdentity:
		return fix.Do(
			"Let this host reach the instance metadata service; muster-agent then continues by itself:",
			"ip route get 169.254.169.254",
			"curl -sS -m 2 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' -o /dev/null -w '%{http_code}\\n' "+
				"http://169.254.169.254/latest/api/token",
		)
	case NeedRegion:
		return fix.Do(
			"Set the region in muster's settings file; muster-agent then continues by itself:",
			"echo AWS_REGION=REGION | sudo tee -a /etc/muster/muster.env",
		)
	case NeedRole:
		return fix.Do("Attach an instance profile whose role trusts ec2.amazonaws.com; muster-agent then continues by itself:",
			"aws ec2 associate-iam-instance-profile --instance-id INSTANCE --iam-instance-profile Name=PROFILE")
	case NeedRecord:
		return fix.Do("Run bootstrap on this instance; muster-agent then continues by itself:", "sudo muster bootstrap --cluster CLUSTER")
	case NeedSystemd:
		return fix.Do(
			"Read why systemd does not accept notifications:",
			"systemctl status muster-agent",
			"sudo journalctl -u muster-agent -n 20 --no-pager",
		)
	}
	return fix.Fix{}
}
