// Package arn compares ARNs from other sources with the account and region of this instance, and shortens them. It parses the general form
// of an ARN, and contains no knowledge of services.
package arn

import (
	"fmt"
	"strings"
)

// Last returns the part after the last slash: the name of a cluster or service, the ID of a task or container instance.
// A text without a slash is returned unchanged.
func Last(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// Owner is an account and a region. Empty fields are not compared.
type Owner struct{ Region, Account string }

// Foreign returns why arn does not belong to this owner's ECS or is not of the given kind ("task",
// "container-instance"), or "" if it does.
//
//	arn:PARTITION:ecs:REGION:ACCOUNT:KIND/...
func (o Owner) Foreign(arn, kind string) string {
	if o == (Owner{}) {
		return ""
	}
	parts := strings.SplitN(arn, ":", 6)
	switch {
	case len(parts) < 6 || parts[0] != "arn" || parts[2] != "ecs" || !strings.HasPrefix(parts[5], kind+"/"):
		return fmt.Sprintf("%+.100q is not the ARN of an ECS %s", arn, kind)
	case o.Account != "" && parts[4] != o.Account:
		return fmt.Sprintf("%+.200q belongs to account %+.40q, but this instance belongs to %s", arn, parts[4], o.Account)
	case o.Region != "" && parts[3] != o.Region:
		return fmt.Sprintf("%+.200q is in region %+.40q, but this instance is in %s", arn, parts[3], o.Region)
	}
	return ""
}
