package check

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"muster/internal/awsapi"
	"muster/internal/cluster"
	"muster/internal/fix"
	"muster/internal/netpath"
)

// Poller asks ECS what its agent asks before it connects.
type Poller interface {
	PollEndpoints(ctx context.Context, cluster string) (awsapi.PollEndpoints, error)
}

// pollEndpoint goes the whole way to ECS with this instance's credentials, and on
// to where ECS sends its agent.
func (w World) pollEndpoint(ctx context.Context) []Finding {
	name, _ := w.wanted()
	at, err := w.Poll.PollEndpoints(ctx, cmp.Or(name, cluster.Default))
	if err != nil {
		return refused(err)
	}
	var seen, lost []string
	for _, to := range []string{at.Agent, at.Telemetry} {
		answer, err := w.ask(ctx, to)
		switch {
		case err != nil:
			lost = append(lost, to+": "+err.Error())
		case answer.Kind != netpath.Reached:
			lost = append(lost, to+": "+answer.Err.Error())
		default:
			seen = append(seen, to+": reached")
		}
	}
	if len(lost) == 0 {
		return Passed("ECS answers, and so does where it sends its agent", seen...)
	}
	return []Finding{{ID: "poll-unreached", Status: Fail, Summary: "ECS answers, but not where it sends its agent", Evidence: append(lost, seen...),
		Fix: fix.Do("let the instance reach these names on tcp 443: VPC endpoints for ecs-agent and ecs-telemetry, or a way to the internet"), SymptomOf: []string{"vpc-path", "endpoints-mixed"}}}
}

// refused tells the ways apart in which ECS, or who stands before it, says no.
func refused(err error) []Finding {
	f := Finding{Status: Fail, Evidence: []string{err.Error()}}
	text := strings.ToLower(err.Error())
	switch awsapi.KindOf(err) {
	case awsapi.Denied:
		if strings.Contains(text, "vpc endpoint policy") {
			f.ID, f.Summary = "endpoint-policy", "the policy of the VPC endpoint for ECS does not allow what the ECS agent calls"
			f.Fix = fix.Do("allow ecs:* to this account in the endpoint's policy: aws ec2 modify-vpc-endpoint --vpc-endpoint-id VPCE --policy-document file://policy.json")
			break
		}
		f.ID, f.Summary = "poll-denied", "the instance role may not call ecs:DiscoverPollEndpoint, which the ECS agent needs before it can connect"
		f.Fix = fix.Do("attach AmazonEC2ContainerServiceforEC2Role to the instance role, or allow the action")
	case awsapi.NoIdentity:
		f.ID, f.Summary, f.SymptomOf = "credentials-refused", "ECS does not accept the credentials of this instance", []string{"instance-role", "clock-skew"}
		f.Fix = fix.Do("aws sts get-caller-identity; was the role deleted and made again? then detach and attach the instance profile")
	case awsapi.ClockSkew:
		f.ID, f.Summary, f.SymptomOf = "signature-refused", "ECS does not accept the signatures of this instance: the clock is off", []string{"clock-skew"}
		f.Fix = fix.Do("date -u; systemctl restart chronyd; chronyc tracking")
	default:
		return CouldNotLook(errors.New(firstLine(err.Error())), fix.Fix{})
	}
	return []Finding{f}
}
