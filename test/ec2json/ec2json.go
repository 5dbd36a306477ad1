// Package ec2json reads the JSON that the AWS CLI prints into the model of package reach, for tests. It uses the same
// mapping as the program, because the CLI's JSON has the names of the SDK's fields.
package ec2json

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"muster/internal/awsapi"
	"muster/reach"
)

// ParseGroups reads `aws ec2 describe-security-groups` or
// `describe-security-group-rules`.
func ParseGroups(document []byte) ([]reach.Group, error) {
	var d struct {
		SecurityGroups     []types.SecurityGroup
		SecurityGroupRules []types.SecurityGroupRule
	}
	if err := json.Unmarshal(document, &d); err != nil {
		return nil, fmt.Errorf("decoding security groups: %w", err)
	}
	if d.SecurityGroups == nil && d.SecurityGroupRules == nil {
		return nil, errors.New("decoding security groups: neither SecurityGroups nor SecurityGroupRules in the document")
	}
	groups := awsapi.RuleGroups(d.SecurityGroupRules)
	for _, g := range d.SecurityGroups {
		groups = append(groups, awsapi.SecurityGroup(g))
	}
	return groups, nil
}

// ParseACLs reads `aws ec2 describe-network-acls`.
func ParseACLs(document []byte) ([]reach.ACL, error) {
	var d struct{ NetworkAcls []types.NetworkAcl }
	if err := json.Unmarshal(document, &d); err != nil {
		return nil, fmt.Errorf("decoding network ACLs: %w", err)
	}
	out := make([]reach.ACL, 0, len(d.NetworkAcls))
	for _, a := range d.NetworkAcls {
		out = append(out, awsapi.NetworkACL(a))
	}
	return out, nil
}

// Groups is ParseGroups for a document that must be valid.
func Groups(t testing.TB, document string) []reach.Group {
	t.Helper()
	out, err := ParseGroups([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// ACLs is ParseACLs for a document that must be valid.
func ACLs(t testing.TB, document string) []reach.ACL {
	t.Helper()
	out, err := ParseACLs([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return out
}
