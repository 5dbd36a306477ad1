package awsapi

import "regexp"

// Denial is the parsed message of an unauthorized call. Fields are empty if the message does not contain them.
//
//	User: arn:aws:sts::123456789012:assumed-role/ecs/i-1 is not authorized to
//	perform: ecs:Poll with an explicit deny in a service control policy
//	-> {ecs:Poll, ecs, 123456789012, aws, service control policy, true}
type Denial struct {
	Action    string
	Role      string // the name of the role whose credentials were used
	Account   string
	Partition string
	// Policy is the kind of policy that caused the denial, such as "permissions boundary".
	Policy string
	// Explicit means that the policy denies the action, so no other policy can allow it. Otherwise the policy only
	// lacks a statement that allows the action.
	Explicit bool
}

// The patterns match the messages in the IAM user guide, "Troubleshoot access denied error messages".
var (
	deniedAction   = regexp.MustCompile(`not authorized to perform: ([a-z0-9-]+:[A-Za-z0-9]+)`)
	deniedRole     = regexp.MustCompile(`arn:([a-z-]+):sts::(\d+):assumed-role/([\w+=,.@-]+)/`)
	explicitDenial = regexp.MustCompile(`with an explicit deny in an? ([A-Za-z -]*policy|permissions boundary)`)
	lackingPolicy  = regexp.MustCompile(`because no ([A-Za-z -]*policy|permissions boundary) allows`)
)

const identityPolicy = "identity-based policy"

// ScopeTag is the tag that the policies in packaging/iam compare on the role, the Auto Scaling group and the stack. If
// the tag is missing, a policy that lists the action still denies it.
const ScopeTag = "muster:cluster"

// scoped maps the actions that those policies restrict by ScopeTag to the resource that needs the tag in addition to
// the role.
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

// scopeHint returns the end of the sentence "add it to the instance role".
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

// DenialOf parses the message of a denied call.
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
