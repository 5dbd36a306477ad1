package awsapi

import "regexp"

// Denial is what AWS says about a call that is not authorized. What the message
// does not name is empty.
//
//	User: arn:aws:sts::123456789012:assumed-role/ecs/i-1 is not authorized to
//	perform: ecs:Poll with an explicit deny in a service control policy
//	-> {ecs:Poll, ecs, 123456789012, aws, service control policy, true}
type Denial struct {
	Action    string
	Role      string // the name of the role whose credentials were used
	Account   string
	Partition string
	// Policy is the kind of policy that decides, such as "permissions boundary".
	Policy string
	// Explicit: the policy denies the action, so that no other policy can allow it.
	// Otherwise the policy lacks a statement that allows it.
	Explicit bool
}

// The sentences are those of the IAM user guide, "Troubleshoot access denied
// error messages".
var (
	deniedAction   = regexp.MustCompile(`not authorized to perform: ([a-z0-9-]+:[A-Za-z0-9]+)`)
	deniedRole     = regexp.MustCompile(`arn:([a-z-]+):sts::(\d+):assumed-role/([\w+=,.@-]+)/`)
	explicitDenial = regexp.MustCompile(`with an explicit deny in an? ([A-Za-z -]*policy|permissions boundary)`)
	lackingPolicy  = regexp.MustCompile(`because no ([A-Za-z -]*policy|permissions boundary) allows`)
)

const identityPolicy = "identity-based policy"

// DenialOf reads the message of a denied call.
func DenialOf(message string) (d Denial) {
	if m := deniedAction.FindStringSubmatch(message); m != nil {
		d.Action = m[1]
	}
	if m := deniedRole.FindStringSubmatch(message); m != nil {
		d.Partition, d.Account, d.Role = m[1], m[2], m[3]
	}
	if m := explicitDenial.FindStringSubmatch(message); m != nil {
		d.Policy, d.Explicit = m[1], true
	} else if m := lackingPolicy.FindStringSubmatch(message); m != nil {
		d.Policy = m[1]
	}
	return d
}
