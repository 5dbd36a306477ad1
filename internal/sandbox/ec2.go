package sandbox

import (
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
)

// ec2Service speaks EC2's query variant (service/ec2: awsEc2query_serializeOp*).
func (s *Sandbox) ec2Service() *service {
	return &service{
		name:     EC2,
		version:  "2016-11-15",
		protocol: ec2Query{"http://ec2.amazonaws.com/doc/2016-11-15/"},
		actions: map[string]action{
			"DescribeTags":      s.describeEC2Tags,
			"DescribeInstances": s.describeInstances,
		},
	}
}

type ec2Tag struct {
	ResourceID   string `xml:"resourceId,omitempty"`
	ResourceType string `xml:"resourceType,omitempty"`
	Key          string `xml:"key"`
	Value        string `xml:"value"`
}

// instanceTags are the instance's own tags and those that its group propagates.
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

// fit reports whether every filter names one of the properties, with its value.
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

type ec2Instance struct {
	InstanceID string `xml:"instanceId"`
	ImageID    string `xml:"imageId"`
	State      struct {
		Code int    `xml:"code"`
		Name string `xml:"name"`
	} `xml:"instanceState"`
	InstanceType string   `xml:"instanceType"`
	Zone         string   `xml:"placement>availabilityZone"`
	PrivateIP    string   `xml:"privateIpAddress"`
	SubnetID     string   `xml:"subnetId"`
	VpcID        string   `xml:"vpcId"`
	Groups       []string `xml:"groupSet>item>groupId"`
	Tags         []ec2Tag `xml:"tagSet>item"`
}

func (s *Sandbox) describeInstances(r *request) (any, *apiError) {
	type reservation struct {
		ID        string        `xml:"reservationId"`
		OwnerID   string        `xml:"ownerId"`
		Instances []ec2Instance `xml:"instancesSet>item"`
	}
	var out struct {
		XMLName xml.Name      `xml:"reservationSet"`
		Items   []reservation `xml:"item"`
	}
	for _, id := range r.list("InstanceId") {
		if id != s.opts.InstanceID {
			return nil, invalid("InvalidInstanceID.NotFound", "The instance ID '%s' does not exist", id)
		}
	}
	out.Items = []reservation{{"r-0123456789abcdef0", s.opts.AccountID, []ec2Instance{s.thisInstance()}}}
	return out, nil
}

func (s *Sandbox) thisInstance() ec2Instance {
	i := ec2Instance{
		InstanceID: s.opts.InstanceID, ImageID: imageID, InstanceType: instanceType, Zone: s.zone(),
		PrivateIP: privateIP, SubnetID: subnetID, VpcID: vpcID, Groups: []string{groupID},
	}
	i.State.Code, i.State.Name = 16, "running"
	for _, key := range slices.Sorted(maps.Keys(s.instanceTags())) {
		i.Tags = append(i.Tags, ec2Tag{Key: key, Value: s.instanceTags()[key]})
	}
	return i
}
