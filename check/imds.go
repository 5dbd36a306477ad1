package check

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"muster/internal/fix"
	"muster/internal/imds"
)

func (w World) metadataService(context.Context) []Finding {
	if w.NoIdentity == nil {
		return Passed("this is " + w.Identity.InstanceID + " (" + w.Identity.InstanceType + ") in " + w.Identity.AvailabilityZone)
	}
	var failure *imds.Error
	if !errors.As(w.NoIdentity, &failure) {
		return []Finding{{Status: Fail, Summary: w.NoIdentity.Error()}}
	}
	options := "from another machine: aws ec2 modify-instance-metadata-options --instance-id " + w.instanceID()
	f := Finding{Status: Fail, Evidence: []string{fmt.Sprintf("%s: %s: %v", failure.Endpoint, failure.Kind, failure.Err)}}
	switch failure.Kind {
	case imds.Disabled:
		f.ID, f.Summary = "imds-disabled", "the instance metadata service refuses tokens (403): its endpoint is disabled for this instance"
		f.Fix = fix.Do(options + " --http-endpoint enabled")
	case imds.Silent:
		f.ID, f.Summary = "imds-silent", "the instance metadata service does not answer: a firewall drops the packets, or this process is a hop away in a container"
		f.Fix = fix.Do("iptables -nL OUTPUT; ip route get 169.254.169.254; in a container (a host process needs only 1), " + options + " --http-put-response-hop-limit 2")
	case imds.Garbled, imds.Refused, imds.NotFound:
		f.ID, f.Summary = "imds-garbled", "something else than the instance metadata service answers at its address, such as a proxy"
		f.Fix = fix.Do("curl -v --noproxy '*' -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' " + failure.Endpoint + "/latest/api/token; ip route get 169.254.169.254")
	case imds.Broken:
		f.ID, f.Summary = "imds-broken", "the instance metadata service itself fails"
		f.Fix = fix.Do("wait a minute; if it stays so, stop and start the instance")
	default:
		f.ID, f.Summary = "imds-unreachable", "nothing is reached at the address of the instance metadata service: no EC2 instance, no network yet, or no route"
		f.Fix = fix.Do("ip route get 169.254.169.254; ip addr")
	}
	return []Finding{f}
}

// instanceRole goes by the two documents that say what became of the role. A
// Code other than Success is the reason (IAM user guide, troubleshoot_iam-ec2).
func (w World) instanceRole(ctx context.Context) []Finding {
	info, there, err := w.IMDS.Metadata(ctx, "iam/info")
	attach := "aws ec2 associate-iam-instance-profile --instance-id " + w.instanceID() + " --iam-instance-profile Name=PROFILE"
	switch {
	case err != nil:
		return CouldNotLook(err, fix.Fix{})
	case !there:
		return []Finding{{ID: "no-instance-profile", Status: Fail, Summary: "the instance has no instance profile, so the ECS agent has no credentials",
			Evidence: []string{"meta-data/iam/info: 404"}, Fix: fix.Do(attach + "; its role needs the policy AmazonEC2ContainerServiceforEC2Role")}}
	}
	profile, ok := decodeRole(info)
	if !ok || profile.Code != "Success" {
		return w.brokenRole("iam/info", profile)
	}
	names, _, err := w.IMDS.Metadata(ctx, "iam/security-credentials/")
	role, _, _ := strings.Cut(strings.TrimSpace(names), "\n")
	switch {
	case err != nil:
		return CouldNotLook(err, fix.Fix{})
	case role == "":
		return []Finding{{ID: "instance-profile-broken", Status: Fail, Summary: profile.InstanceProfileArn + " holds no role",
			Fix: fix.Do("aws iam add-role-to-instance-profile --instance-profile-name PROFILE --role-name ROLE")}}
	}
	document, _, err := w.IMDS.Metadata(ctx, "iam/security-credentials/"+role)
	if err != nil {
		return CouldNotLook(err, fix.Fix{})
	}
	return w.credentials(role, document)
}

// roleDocument is what is read of the two documents: no secret.
type roleDocument struct {
	Code, Message      string
	InstanceProfileArn string
	Expiration         time.Time
}

func decodeRole(document string) (d roleDocument, ok bool) {
	return d, json.Unmarshal([]byte(document), &d) == nil
}

func (w World) credentials(role, document string) []Finding {
	c, ok := decodeRole(document)
	switch left := c.Expiration.Sub(w.now()); {
	case !ok || c.Code != "Success":
		return w.brokenRole("iam/security-credentials/"+role, c)
	case left <= 0:
		return []Finding{{ID: "credentials-expired", Status: Fail, SymptomOf: []string{"clock-skew"},
			Summary: fmt.Sprintf("the credentials of role %s expired at %s and were not renewed", role, c.Expiration.Format(time.RFC3339)),
			Fix:     fix.Do("aws iam get-role --role-name " + role + " (was it deleted?); else detach and attach the instance profile")}}
	default:
		return Passed(fmt.Sprintf("role %s, credentials until %s", role, c.Expiration.Format(time.RFC3339)))
	}
}

func (w World) brokenRole(path string, d roleDocument) []Finding {
	f := Finding{Status: Fail, Evidence: []string{fmt.Sprintf("meta-data/%s: Code %+.60q, Message %+.200q", path, d.Code, d.Message)}}
	if d.Code == "InstanceProfileNotFound" {
		f.ID, f.Summary = "instance-profile-broken", "the instance profile does not exist any more"
		f.Fix = fix.Do("create it again, or associate another: aws ec2 replace-iam-instance-profile-association")
		return []Finding{f}
	}
	f.ID, f.Summary = "role-not-trusted", "EC2 may not assume the role of the instance profile"
	f.Fix = fix.Do(`let the role's trust policy allow {"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}: aws iam update-assume-role-policy --role-name ROLE --policy-document file://trust.json`)
	return []Finding{f}
}
