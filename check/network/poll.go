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

// Poller makes the calls to ECS that the agent makes before it connects.
type Poller interface {
	PollEndpoints(ctx context.Context, cluster string) (awsapi.PollEndpoints, error)
}

// pollEndpoint calls ECS with this instance's credentials, then probes the endpoints that ECS
// assigns to its agent.
func (g Group) pollEndpoint(ctx context.Context) []check.Finding {
	name, _ := g.Wanted()
	at, err := g.Poll.PollEndpoints(ctx, cmp.Or(name, cluster.Default))
	if err != nil {
		return g.refused(ctx, err)
	}
	var seen, lost, hosts []string
	for _, to := range []string{at.Agent, at.Telemetry} {
		answer, err := g.Route.AskAsAgent(ctx, to)
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
		return check.Passed("ECS and the endpoints for its agent respond", seen...)
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

// refused distinguishes the ways in which ECS, or a policy that applies before it, rejects the call.
func (g Group) refused(ctx context.Context, err error) []check.Finding {
	f := check.Finding{Status: check.Fail, Evidence: []string{answerOf(err)}}
	switch awsapi.KindOf(err) {
	case awsapi.Denied:
		g.denied(ctx, &f, awsapi.DenialOf(err.Error()))
	case awsapi.NoIdentity:
		f.Kind, f.Summary, f.SymptomOf = CredentialsRefused, "ECS rejects the credentials of this instance",
			[]*check.Kind{g.Others.InstanceRoleCheck, g.Others.ClockSkew}
		f.Fix = fix.Do("Replace the instance profile association, which renews the credentials:",
			fmt.Sprintf("aws ec2 describe-iam-instance-profile-associations --region %s --filters Name=instance-id,Values=%s", g.Region(),
				g.instance()),
			fmt.Sprintf("aws ec2 replace-iam-instance-profile-association --region %s --association-id ASSOCIATION_ID --iam-instance-profile "+
				"Name=PROFILE", g.Region()))
	case awsapi.ClockSkew:
		f.Kind, f.Summary, f.SymptomOf = SignatureRefused, "ECS rejects the signatures of this instance: its clock is wrong",
			[]*check.Kind{g.Others.ClockSkew}
		f.Fix = fix.Do("Set the clock:", "sudo systemctl restart chronyd", "sudo chronyc makestep")
	default:
		return check.Undetermined(errors.New(subject.FirstLine(err.Error())), fix.Fix{})
	}
	return []check.Finding{f}
}

// answerOf returns the API's error without the advice that muster adds.
func answerOf(err error) string {
	var failed *awsapi.Error
	if errors.As(err, &failed) {
		return failed.Err.Error()
	}
	return err.Error()
}

// denied completes the finding for the policy that denies the action. Allowing the action in the role does not help if
// another policy denies it.
func (g Group) denied(ctx context.Context, f *check.Finding, by awsapi.Denial) {
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
				g.Region(), g.locateOrPlaceholder(ctx).vpc, g.Region()),
			fmt.Sprintf("aws ec2 modify-vpc-endpoint --region %s --vpc-endpoint-id VPC_ENDPOINT_ID --policy-document file://policy.json",
				g.Region()))
	case "permissions boundary":
		f.Fix = fix.Do("Allow "+action+" in the permissions boundary of the role:",
			"aws iam get-role --role-name "+role+" --query Role.PermissionsBoundary")
	case "service control policy", "resource control policy":
		f.Fix = fix.Do("Ask the administrator of the AWS organization to allow " + action + " for this account; the role cannot override this.")
	case "session policy", "resource-based policy":
		f.Fix = fix.Do("Allow " + action + " in the " + by.Policy + " that applies to these credentials.")
	default:
		g.deniedByRole(f, by, action, role)
	}
}

// deniedByRole completes the finding for an action that the role does not allow. It also handles messages that name no
// policy.
func (g Group) deniedByRole(f *check.Finding, by awsapi.Denial, action, role string) {
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

// instance returns the ID of this instance, or a placeholder.
func (g Group) instance() string { return cmp.Or(g.Identity.InstanceID, "INSTANCE_ID") }
