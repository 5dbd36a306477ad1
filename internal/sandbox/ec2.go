package sandbox

import (
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
)

// ec2Service implements EC2's query protocol (service/ec2: awsEc2query_serializeOp*).
func (s *Sandbox) ec2Service() *service {
	actions := map[string]action{
		"DescribeTags":                  s.describeEC2Tags,
		"DescribeInstances":             s.describeInstances,
		"DescribeNetworkInterfaces":     s.describeNetworkInterfaces,
		"DescribeSecurityGroups":        s.describeSecurityGroups,
		"DescribeSecurityGroupRules":    s.describeSecurityGroupRules,
		"AuthorizeSecurityGroupIngress": s.authorize(false),
		"AuthorizeSecurityGroupEgress":  s.authorize(true),
		"DescribeNetworkAcls":           s.describeNetworkACLs,
		"GetManagedPrefixListEntries":   s.getPrefixListEntries,
		"DescribeRouteTables":           s.describeRouteTables,
		"DescribeNatGateways":           s.describeNATGateways,
		"DescribeVpcEndpoints":          s.describeVPCEndpoints,
		"DescribeVpcAttribute":          s.describeVPCAttribute,
		"DescribeInstanceTypes":         s.describeInstanceTypes,
	}
	rates := map[string]rate{}
	for name := range actions {
		// "Request token limits" of https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html: each action has its
		// own bucket; 100 and 20 are those of non-mutating actions.
		rates[name] = rate{name, 100, 20}
	}
	return &service{
		name:     EC2,
		version:  "2016-11-15",
		protocol: ec2Query{"http://ec2.amazonaws.com/doc/2016-11-15/"},
		actions:  actions,
		rates:    rates,
	}
}

type ec2Tag struct {
	ResourceID   string `xml:"resourceId,omitempty"`
	ResourceType string `xml:"resourceType,omitempty"`
	Key          string `xml:"key"`
	Value        string `xml:"value"`
}

// instanceTags returns the instance's own tags and those propagated by its group.
func (s *Sandbox) instanceTags() map[string]string {
	tags := map[string]string{}
	if s.group != nil {
		tags["aws:autoscaling:groupName"] = s.group.Name
	}
	maps.Copy(tags, s.opts.InstanceTags)
	return tags
}

func (s *Sandbox) describeEC2Tags(r *request) (any, *apiError) {
	var out struct {
		XMLName xml.Name `xml:"tagSet"`
		Items   []ec2Tag `xml:"item"`
	}
	filters := r.filters("Filter", "Value")
	for _, key := range slices.Sorted(maps.Keys(s.instanceTags())) {
		t := ec2Tag{s.opts.InstanceID, "instance", key, s.instanceTags()[key]}
		fits, err := filters.fit(map[string]string{
			"resource-id": t.ResourceID, "resource-type": t.ResourceType, "key": t.Key, "value": t.Value,
		}, "InvalidParameterValue")
		if err != nil {
			return nil, err
		}
		if fits {
			out.Items = append(out.Items, t)
		}
	}
	return out, nil
}

type filters map[string][]string

// filters reads prefix.N.Name with prefix.N.values.M.
func (r *request) filters(prefix, values string) filters {
	out := filters{}
	for i := 1; r.form.Has(fmt.Sprintf("%s.%d.Name", prefix, i)); i++ {
		at := fmt.Sprintf("%s.%d.", prefix, i)
		out[r.form.Get(at+"Name")] = r.list(at + values)
	}
	return out
}

// fit reports whether every filter matches the value of a property.
func (f filters) fit(properties map[string]string, code string) (bool, *apiError) {
	all := true
	for name, values := range f {
		value, known := properties[name]
		if !known {
			return false, invalid(code, "The filter '%s' is invalid", name)
		}
		all = all && slices.Contains(values, value)
	}
	return all, nil
}
