package awsapi

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"muster/reach"
)

// SecurityGroups describes security groups with their rules. The rules have no ids in this response. Groups that do not
// exist are omitted.
func (c *Client) SecurityGroups(ctx context.Context, ids []string) ([]reach.Group, error) {
	const action = "ec2:DescribeSecurityGroups"
	groups, err := batched(ids, maxValues, func(batch []string) ([]types.SecurityGroup, error) {
		return paged(action, func(token *string) ([]types.SecurityGroup, *string, error) {
			out, err := c.ec2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{
				Filters: among("group-id", batch), MaxResults: aws.Int32(pageSize), NextToken: token,
			})
			if err != nil {
				return nil, nil, err
			}
			return out.SecurityGroups, out.NextToken, nil
		})
	})
	out := make([]reach.Group, 0, len(groups))
	for _, g := range groups {
		out = append(out, SecurityGroup(g))
	}
	return out, err
}

// SecurityGroupRules describes the rules of security groups, including rule ids. Groups that have no rules or do not
// exist are omitted.
func (c *Client) SecurityGroupRules(ctx context.Context, groups []string) ([]reach.Group, error) {
	const action = "ec2:DescribeSecurityGroupRules"
	rules, err := batched(groups, maxValues, func(batch []string) ([]types.SecurityGroupRule, error) {
		return paged(action, func(token *string) ([]types.SecurityGroupRule, *string, error) {
			out, err := c.ec2.DescribeSecurityGroupRules(ctx, &ec2.DescribeSecurityGroupRulesInput{
				Filters: among("group-id", batch), MaxResults: aws.Int32(pageSize), NextToken: token,
			})
			if err != nil {
				return nil, nil, err
			}
			return out.SecurityGroupRules, out.NextToken, nil
		})
	})
	return RuleGroups(rules), err
}

// NetworkACLs describes the network ACLs of the subnets.
func (c *Client) NetworkACLs(ctx context.Context, subnets []string) ([]reach.ACL, error) {
	const action = "ec2:DescribeNetworkAcls"
	acls, err := batched(subnets, maxValues, func(batch []string) ([]types.NetworkAcl, error) {
		return paged(action, func(token *string) ([]types.NetworkAcl, *string, error) {
			out, err := c.ec2.DescribeNetworkAcls(ctx, &ec2.DescribeNetworkAclsInput{
				Filters: among("association.subnet-id", batch), MaxResults: aws.Int32(pageSize), NextToken: token,
			})
			if err != nil {
				return nil, nil, err
			}
			return out.NetworkAcls, out.NextToken, nil
		})
	})
	out := make([]reach.ACL, 0, len(acls))
	for _, a := range acls {
		out = append(out, NetworkACL(a))
	}
	return out, err
}

// PrefixList reads the entries of a managed prefix list of the customer or of AWS, 100 per page (EC2 API reference,
// GetManagedPrefixListEntries).
func (c *Client) PrefixList(ctx context.Context, id string) (reach.PrefixList, error) {
	const action = "ec2:GetManagedPrefixListEntries"
	entries, err := paged(action, func(token *string) ([]types.PrefixListEntry, *string, error) {
		out, err := c.ec2.GetManagedPrefixListEntries(ctx, &ec2.GetManagedPrefixListEntriesInput{
			PrefixListId: aws.String(id), MaxResults: aws.Int32(100), NextToken: token,
		})
		if err != nil {
			return nil, nil, err
		}
		return out.Entries, out.NextToken, nil
	})
	return ManagedPrefixList(id, entries), err
}

func among(name string, values []string) []types.Filter {
	return []types.Filter{{Name: aws.String(name), Values: values}}
}
