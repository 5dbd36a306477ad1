package awsapi

import (
	"strings"
	"testing"
)

// The messages are from the IAM user guide, "Troubleshoot access denied error messages", with an ECS action.
func TestDenialOf(t *testing.T) {
	const user = "User: arn:aws-us-gov:sts::123456789012:assumed-role/ecs.node/i-0 is not authorized to perform: ecs:DiscoverPollEndpoint " +
		"on resource: * "
	of := Denial{Action: "ecs:DiscoverPollEndpoint", Role: "ecs.node", Account: "123456789012", Partition: "aws-us-gov"}
	with := func(policy string, explicit bool) Denial {
		d := of
		d.Policy, d.Explicit = policy, explicit
		return d
	}
	for message, want := range map[string]Denial{
		user + "because no identity-based policy allows the ecs:DiscoverPollEndpoint action": with(
			"identity-based policy", false),
		user + "because no service control policy allows the ecs:DiscoverPollEndpoint action": with(
			"service control policy", false),
		user + "because no permissions boundary allows the ecs:DiscoverPollEndpoint action": with(
			"permissions boundary", false),
		user + "because no VPC endpoint policy allows the ecs:DiscoverPollEndpoint action": with(
			"VPC endpoint policy", false),
		user + "with an explicit deny in a service control policy: arn:aws:organizations::1:policy/o-1/service_control_policy/p": with(
			"service control policy", true),
		user + "with an explicit deny in an identity-based policy": with(
			"identity-based policy", true),
		user + "with an explicit deny in a permissions boundary: arn:aws:iam::1:policy/limit": with(
			"permissions boundary", true),
		user + "with an explicit deny in a VPC endpoint policy": with(
			"VPC endpoint policy", true),
		user + "with an explicit deny in a session policy": with(
			"session policy", true),
		user:                   of,
		"the handshake failed": {},
	} {
		if got := DenialOf(message); got != want {
			t.Errorf("%s\ngot  %+v\nwant %+v", message, got, want)
		}
	}
}

func FuzzDenialOf(f *testing.F) {
	f.Add("not authorized to perform: ecs:Poll because no  policy allows")
	f.Fuzz(func(t *testing.T, message string) {
		if d := DenialOf(message); d.Explicit && d.Policy == "" {
			t.Errorf("%+v", d)
		}
	})
}

// The policies in packaging/iam compare the tag for these actions (Service Authorization Reference), so that an action
// that is listed may still be denied.
func TestDenialNamesTheTagThatThePoliciesCompare(t *testing.T) {
	t.Parallel()
	for action, want := range map[string]string{
		"autoscaling:SetInstanceHealth":   "tag the role and the Auto Scaling group with muster:cluster",
		"cloudformation:SignalResource":   "tag the role and the stack with muster:cluster",
		"ecs:DescribeContainerInstances":  "tag the role with muster:cluster",
		"autoscaling:DescribeTags":        "",
		"ecs:DescribeClusters":            "",
		"autoscaling:DescribeAutoScaling": "",
	} {
		text := coded(action, "AccessDenied", "no").Error()
		if want == "" && strings.Contains(text, "muster:cluster") || !strings.Contains(text, want) {
			t.Error(text)
		}
	}
}
