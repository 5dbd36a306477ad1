package network

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"muster/check"
	"muster/check/subject"
	"muster/internal/awsapi"
	"muster/internal/base/cluster"
	"muster/internal/base/fix"
	"muster/internal/host/netpath"
)

// Poller asks ECS what its agent asks before it connects.
type Poller interface {
	PollEndpoints(ctx context.Context, cluster string) (awsapi.PollEndpoints, error)
}

// pollEndpoint goes the whole path to ECS with this instance's credentials, and on
// to the endpoints that ECS names for its agent.
func (w Group) pollEndpoint(ctx context.Context) []check.Finding {
	name, _ := w.Wanted()
	at, err := w.Poll.PollEndpoints(ctx, cmp.Or(name, cluster.Default))
	if err != nil {
		return w.refused(ctx, err)
	}
	var seen, lost, hosts []string
	for _, to := range []string{at.Agent, at.Telemetry} {
		answer, err := w.Route.AskAsAgent(ctx, to)
		if unknown := check.OwnLimit(answer.Err); unknown != nil {
			return unknown
		}
		switch {
		case err != nil:
			lost = append(lost, to+": "+err.Error())
		case answer.Kind != netpath.Reached:
			lost = append(lost, to+": "+answer.Err.Error())
		default:
			seen = append(seen, to+": reached")
			continue
		}
		if host := hostOf(to); !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	if len(lost) == 0 {
		return check.Passed("ECS and the endpoints for its agent answer", seen...)
	}
	return []check.Finding{{Kind: PollUnreached, Status: check.Fail, Summary: "cannot reach " + hosts[0] + subject.AndMore(len(hosts)-1,
		"endpoint") + ", which ECS assigned to its agent",
		Evidence: append(lost, seen...), SymptomOf: []*check.Kind{VPCPathCheck, EndpointsMixed},
		Fix: fix.Do("Allow the instance to reach the host on tcp 443, through a VPC endpoint, a NAT gateway or its firewall:",
			"curl -sv -m 5 -o /dev/null https://"+hosts[0])}}
}

func hostOf(text string) string {
	if at, err := url.Parse(text); err == nil && at.Hostname() != "" {
		return at.Hostname()
	}
	return text
}

const discoverPollEndpoint = "ecs:DiscoverPollEndpoint"

// refused distinguishes the ways in which ECS, or a policy in front of it, refuses.
func (w Group) refused(ctx context.Context, err error) []check.Finding {
	f := check.Finding{Status: check.Fail, Evidence: []string{answerOf(err)}}
	switch awsapi.KindOf(err) {
	case awsapi.Denied:
		w.denied(ctx, &f, awsapi.DenialOf(err.Error()))
	case awsapi.NoIdentity:
		f.Kind, f.Summary, f.SymptomOf = CredentialsRefused, "ECS rejects the credentials of this instance",
			[]*check.Kind{w.Others.InstanceRoleCheck, w.Others.ClockSkew}
		f.Fix = fix.Do("Replace the instance profile association, which renews the credentials:",
			fmt.Sprintf("aws ec2 describe-iam-instance-profile-associations --region %s --filters Name=instance-id,Values=%s", w.Region(),
				w.instance()),
			fmt.Sprintf("aws ec2 replace-iam-instance-profile-association --region %s --association-id ASSOCIATION_ID --iam-instance-profile Name=PROFILE", w.Region()))
	case awsapi.ClockSkew:
		f.Kind, f.Summary, f.SymptomOf = SignatureRefused, "ECS rejects the signatures of this instance: its clock is wrong",
			[]*check.Kind{w.Others.ClockSkew}
		f.Fix = fix.Do("Set the clock:", "sudo systemctl restart chronyd", "sudo chronyc makestep")
	default:
		return check.CouldNotLook(errors.New(subject.FirstLine(err.Error())), fix.Fix{})
	}
	return []check.Finding{f}
}

// answerOf is the error as the API sent it, without advice.
func answerOf(err error) string {
	var failed *awsapi.Error
	if errors.As(err, &failed) {
		return failed.Err.Error()
	}
	return err.Error()
}

// denied is about the policy that decides: to allow the action in the role does not
// help where another policy denies it.
func (w Group) denied(ctx context.Context, f *check.Finding, by awsapi.Denial) {
	action, role := cmp.Or(by.Action, discoverPollEndpoint), cmp.Or(by.Role, "ROLE")
	f.Kind = PollDenied
	f.Summary = "the " + by.Policy + " does not allow " + action + ", which the ECS agent needs to connect"
	if by.Explicit {
		f.Summary = "the " + by.Policy + " explicitly denies " + action + ", which the ECS agent needs to connect"
	}
	switch by.Policy {
	case "VPC endpoint policy":
		f.Kind = EndpointPolicy
		f.Fix = fix.Do("Allow "+action+" in the policy of the VPC endpoint for ECS:",
			fmt.Sprintf("aws ec2 describe-vpc-endpoints --region %s --filters Name=vpc-id,Values=%s Name=service-name,Values=com.amazonaws.%s.ecs",
				w.Region(), w.place(ctx).vpc, w.Region()),
			fmt.Sprintf("aws ec2 modify-vpc-endpoint --region %s --vpc-endpoint-id VPC_ENDPOINT_ID --policy-document file://policy.json",
				w.Region()))
	case "permissions boundary":
		f.Fix = fix.Do("Allow "+action+" in the permissions boundary of the role:",
			"aws iam get-role --role-name "+role+" --query Role.PermissionsBoundary")
	case "service control policy", "resource control policy":
		f.Fix = fix.Do("Ask the administrator of the AWS organization to allow " + action + " for this account; the role cannot override this.")
	case "session policy", "resource-based policy":
		f.Fix = fix.Do("Allow " + action + " in the " + by.Policy + " that applies to these credentials.")
	default:
		w.deniedByRole(f, by, action, role)
	}
}

// deniedByRole is also for messages that name no policy.
func (w Group) deniedByRole(f *check.Finding, by awsapi.Denial, action, role string) {
	if by.Explicit {
		f.Summary = "a policy of the instance role explicitly denies " + action + ", which the ECS agent needs to connect"
		f.Fix = fix.Do("Remove the statement that denies "+action+" from the policies of the role:",
			"aws iam list-attached-role-policies --role-name "+role, "aws iam list-role-policies --role-name "+role)
		return
	}
	f.Summary = "the instance role does not allow " + action + ", which the ECS agent needs to connect"
	f.Fix = fix.Do("Attach the policy of the ECS agent to the role:",
		"aws iam attach-role-policy --role-name "+role+" --policy-arn arn:"+cmp.Or(by.Partition,
			"aws")+":iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role")
}

// instance is the id of this instance, or a placeholder.
func (w Group) instance() string { return cmp.Or(w.Identity.InstanceID, "INSTANCE_ID") }
