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

// ScopeTag is the tag of the role, the Auto Scaling group and the stack that
// packaging/iam compares: a policy that allows an action still denies it where the
// tag is missing.
const ScopeTag = "muster:cluster"

// scoped are the actions that those policies limit by ScopeTag, and what carries it
// beside the role.
var scoped = map[string]string{
	"autoscaling:CompleteLifecycleAction":        "the Auto Scaling group",
	"autoscaling:RecordLifecycleActionHeartbeat": "the Auto Scaling group",
	"autoscaling:SetInstanceHealth":              "the Auto Scaling group",
	"cloudformation:SignalResource":              "the stack",
	"ecs:DescribeContainerInstances":             "",
	"ecs:ListContainerInstances":                 "",
	"ecs:ListTasks":                              "",
	"ecs:DescribeTasks":                          "",
}

// scopeHint is the rest of the sentence "add it to the instance role".
func scopeHint(action string) string {
	switch also, is := scoped[action]; {
	case !is:
		return ""
	case also == "":
		return ", and tag the role with " + ScopeTag + " if the policy compares that tag"
	default:
		return ", and tag the role and " + also + " with " + ScopeTag + " if the policy compares that tag"
	}
}

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
