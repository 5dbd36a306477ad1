// Package arn compares the ARNs that others name with the account and the region of
// this instance. It knows the form of an ARN and nothing of any service.
package arn

import (
	"fmt"
	"strings"
)

// Owner is an account and a region. What is empty is not compared.
type Owner struct{ Region, Account string }

// Foreign says in a clause why arn is not of this owner's ECS and of this kind of
// resource ("task", "container-instance"), or is empty.
//
//	arn:PARTITION:ecs:REGION:ACCOUNT:KIND/...
func (o Owner) Foreign(arn, kind string) string {
	if o == (Owner{}) {
		return ""
	}
	parts := strings.SplitN(arn, ":", 6)
	switch {
	case len(parts) < 6 || parts[0] != "arn" || parts[2] != "ecs" || !strings.HasPrefix(parts[5], kind+"/"):
		return fmt.Sprintf("%+.100q is not the ARN of a %s of ECS", arn, kind)
	case o.Account != "" && parts[4] != o.Account:
		return fmt.Sprintf("%+.200q belongs to account %+.40q, and this instance to %s", arn, parts[4], o.Account)
	case o.Region != "" && parts[3] != o.Region:
		return fmt.Sprintf("%+.200q is in region %+.40q, and this instance in %s", arn, parts[3], o.Region)
	}
	return ""
}
