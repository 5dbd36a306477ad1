package instance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"muster/check"
	"muster/internal/base/arn"
	"muster/internal/base/fix"
	"muster/internal/host/imds"
)

func (g Group) metadataService(ctx context.Context) []check.Finding {
	if g.NoIdentity == nil {
		return check.Passed("this is " + g.Identity.InstanceID + " (" + g.Identity.InstanceType + ") in " + g.Identity.AvailabilityZone)
	}
	if unknown := check.OwnLimit(g.NoIdentity); unknown != nil {
		return unknown
	}
	var failure *imds.Error
	if !errors.As(g.NoIdentity, &failure) {
		return []check.Finding{{Status: check.Fail, Summary: g.NoIdentity.Error()}}
	}
	options := "aws ec2 modify-instance-metadata-options --region " + g.Region() + " --instance-id " + g.InstanceID()
	f := check.Finding{Status: check.Fail, Evidence: []string{fmt.Sprintf("%s: %s: %v", failure.Endpoint, failure.Kind, failure.Err)}}
	const route = "ip route get 169.254.169.254"
	switch failure.Kind {
	case imds.TurnedOff:
		f.Kind, f.Summary = IMDSTurnedOff, "AWS_EC2_METADATA_DISABLED=true in this environment stops muster from using IMDS"
		if g.Registered(ctx) { // for a registered instance this does not matter
			f.Status = check.Unknown
		}
		f.Evidence, f.Fix = nil, fix.Do("Run muster without that variable:", "env -u AWS_EC2_METADATA_DISABLED muster debug")
	case imds.Disabled:
		f.Kind, f.Summary = IMDSDisabled, "the instance metadata service refuses tokens (403): its endpoint is disabled on this instance"
		f.Fix = fix.Do("Enable it, with credentials that may modify the instance:", options+" --http-endpoint enabled")
	case imds.TimedOut:
		f.Kind, f.Summary = IMDSSilent, "the instance metadata service (169.254.169.254) does not respond"
		f.Evidence = append(f.Evidence, "probable causes: a host firewall or a route; in a container, a hop limit of 1")
		f.Fix = fix.Do("Correct the firewall rule or route; in a container, raise the hop limit:", "sudo iptables -nL OUTPUT", route,
			options+" --http-put-response-hop-limit 2")
	case imds.Malformed, imds.Refused, imds.NotFound:
		f.Kind, f.Summary = IMDSGarbled, "something other than the instance metadata service responds at its address, such as a proxy"
		f.Fix = fix.Do("Find out what answers:",
			"curl -v --noproxy '*' -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "+failure.Endpoint+"/latest/api/token", route)
	case imds.Broken:
		f.Kind, f.Summary = IMDSBroken, "the instance metadata service returns server errors"
		f.Fix = fix.Do("Wait a minute; if the errors continue, stop and start the instance.")
	default:
		f.Kind, f.Summary = IMDSUnreachable, "the instance metadata service is not reachable: not an EC2 instance, or no network or route"
		f.Fix = fix.Do("Check the route and the addresses:", route, "ip addr")
	}
	return []check.Finding{f}
}

// instanceRole reads the metadata service's two documents about the role. A Code other than Success is the reason of a
// failure (IAM user guide, troubleshoot_iam-ec2).
func (g Group) instanceRole(ctx context.Context) []check.Finding {
	info, there, err := g.IMDS.Metadata(ctx, "iam/info")
	switch {
	case err != nil:
		return check.Undetermined(err, fix.Fix{})
	case !there:
		return []check.Finding{{Kind: NoInstanceProfile, Status: check.Fail,
			Summary:  "the instance has no instance profile, so the ECS agent has no credentials",
			Evidence: []string{"meta-data/iam/info: 404"},
			Fix: fix.Do(
				"Attach an instance profile whose role has the policy AmazonEC2ContainerServiceforEC2Role:",
				"aws ec2 associate-iam-instance-profile --region "+g.Region()+" --instance-id "+g.InstanceID()+" --iam-instance-profile Name=PROFILE",
			)}}
	}
	profile, ok := decodeRole(info)
	if !ok || profile.Code != "Success" {
		return g.brokenRole("iam/info", profile)
	}
	names, _, err := g.IMDS.Metadata(ctx, "iam/security-credentials/")
	role, _, _ := strings.Cut(strings.TrimSpace(names), "\n")
	switch {
	case err != nil:
		return check.Undetermined(err, fix.Fix{})
	case role == "":
		return []check.Finding{{Kind: InstanceProfileBroken, Status: check.Fail,
			Summary:  "the instance profile " + arn.Last(profile.InstanceProfileArn) + " has no role",
			Evidence: []string{"meta-data/iam/info: " + profile.InstanceProfileArn, "meta-data/iam/security-credentials/: empty"},
			Fix: fix.Do("Add a role to the instance profile:",
				"aws iam add-role-to-instance-profile --instance-profile-name "+arn.Last(profile.InstanceProfileArn)+" --role-name ROLE")}}
	}
	document, _, err := g.IMDS.Metadata(ctx, "iam/security-credentials/"+role)
	if err != nil {
		return check.Undetermined(err, fix.Fix{})
	}
	return g.credentials(role, document)
}

// roleDocument holds the fields of the two documents that are not secret.
type roleDocument struct {
	Code, Message      string
	InstanceProfileArn string
	Expiration         time.Time
}

func decodeRole(document string) (d roleDocument, ok bool) {
	return d, json.Unmarshal([]byte(document), &d) == nil
}

func (g Group) credentials(role, document string) []check.Finding {
	c, ok := decodeRole(document)
	switch left := c.Expiration.Sub(g.Now()); {
	case !ok || c.Code != "Success":
		return g.brokenRole("iam/security-credentials/"+role, c)
	case left <= 0:
		return []check.Finding{{Kind: CredentialsExpired, Status: check.Fail, SymptomOf: []*check.Kind{ClockSkew},
			Summary: fmt.Sprintf("the credentials of role %s expired at %s and were not renewed", role, c.Expiration.Format(time.RFC3339)),
			Fix: fix.Do("Check that the role still exists; if it does, disassociate and reassociate the instance profile:",
				"aws iam get-role --role-name "+role)}}
	default:
		return check.Passed(fmt.Sprintf("role %s, credentials until %s", role, c.Expiration.Format(time.RFC3339)))
	}
}

// trustPolicy is the policy that allows EC2 to assume a role.
const trustPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},` +
	`"Action":"sts:AssumeRole"}]}`

func (g Group) brokenRole(path string, d roleDocument) []check.Finding {
	f := check.Finding{Status: check.Fail, Evidence: []string{fmt.Sprintf("meta-data/%s: Code %+.60q, Message %+.200q", path, d.Code,
		d.Message)}}
	if d.Code == "InstanceProfileNotFound" {
		f.Kind, f.Summary = InstanceProfileBroken, "the instance profile of this instance no longer exists"
		f.Fix = fix.Do(
			"Associate another one:",
			"aws ec2 describe-iam-instance-profile-associations --region "+g.Region()+" --filters Name=instance-id,Values="+g.InstanceID(),
			"aws ec2 replace-iam-instance-profile-association --region "+g.Region()+
				" --association-id ASSOCIATION_ID --iam-instance-profile Name=PROFILE",
		)
		return []check.Finding{f}
	}
	role := "ROLE"
	if name, is := strings.CutPrefix(path, "iam/security-credentials/"); is {
		role = name
	}
	f.Kind, f.Summary = RoleNotTrusted, "EC2 cannot assume the role of the instance profile, so there are no credentials"
	f.Fix = fix.Do("Allow ec2.amazonaws.com in the role's trust policy:",
		"aws iam update-assume-role-policy --role-name "+role+" --policy-document '"+trustPolicy+"'")
	return []check.Finding{f}
}
