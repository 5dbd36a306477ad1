package awsapi

import (
	"errors"
	"strings"
	"testing"

	"muster/internal/sandbox"
)

// Of the failure reasons, only MISSING means that the resource does not exist (Amazon ECS API reference, "API failures
// and error messages").
func TestResponseWithoutTheResourceIsNotMissing(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"nothing":        `{}`,
		"no failure":     `{"clusters":[],"containerInstances":[],"failures":[]}`,
		"another reason": `{"clusters":[],"containerInstances":[],"failures":[{"arn":"x","reason":"INTERNAL","detail":"try again"}]}`,
	} {
		s := start(t, sandbox.Options{Clusters: []string{"prod"}})
		s.Inject(sandbox.Fault{Service: sandbox.ECS, Body: body})
		c := client(t, s.AWSConfig())
		_, cluster := c.ClusterStatus(t.Context(), "prod")
		_, instance := c.ContainerInstance(t.Context(), "prod", "arn:other")
		for _, err := range []error{cluster, instance} {
			if KindOf(err) != Failed || errors.Is(err, ErrNoSuchCluster) || errors.Is(err, ErrNoSuchInstance) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// With the query protocol, the response to a wrong signature contains the canonical request, which includes the session
// token (AWS General Reference, "Troubleshoot Signature Version 4").
func TestErrorsDoNotQuoteCredentials(t *testing.T) {
	t.Parallel()
	const token = "IQoJb3JpZ2luX2VjEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLE"
	s := start(t, sandbox.Options{Clusters: []string{"prod"}})
	s.Inject(sandbox.Fault{Service: sandbox.ECS, Status: 403, Code: "SignatureDoesNotMatch",
		Message: "The request signature we calculated does not match.\n\n" +
			"The Canonical String for this request should have been\n'POST\n/\n\nhost:ecs\nx-amz-security-token:" + token +
			"\n\nhost;x-amz-security-token\n'"})
	_, err := client(t, s.AWSConfig()).ClusterStatus(t.Context(), "prod")
	if err == nil || strings.Contains(err.Error(), token) || !strings.Contains(err.Error(), "does not match") {
		t.Errorf("%v", err)
	}
}
