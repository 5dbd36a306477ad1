package sandbox

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

type ec2Instance struct {
	InstanceID string `xml:"instanceId"`
	ImageID    string `xml:"imageId"`
	State      struct {
		Code int    `xml:"code"`
		Name string `xml:"name"`
	} `xml:"instanceState"`
	InstanceType string         `xml:"instanceType"`
	Zone         string         `xml:"placement>availabilityZone"`
	LaunchTime   string         `xml:"launchTime,omitempty"`
	PrivateIP    string         `xml:"privateIpAddress,omitempty"`
	SubnetID     string         `xml:"subnetId,omitempty"`
	VpcID        string         `xml:"vpcId,omitempty"`
	Groups       []ec2GroupName `xml:"groupSet>item"`
	Interfaces   []ec2Interface `xml:"networkInterfaceSet>item"`
	Tags         []ec2Tag       `xml:"tagSet>item"`
}

type ec2Reservation struct {
	ID        string        `xml:"reservationId"`
	OwnerID   string        `xml:"ownerId"`
	Instances []ec2Instance `xml:"instancesSet>item"`
}

// stateCodes are EC2's codes (API reference, InstanceState).
func stateCodes() map[string]int {
	return map[string]int{"pending": 0, stateRunning: 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
}

func (s *Sandbox) describeInstances(r *request) (any, *apiError) {
	for _, id := range r.list("InstanceId") {
		if !strings.HasPrefix(id, "i-") {
			return nil, invalid("InvalidInstanceID.Malformed", "Invalid id: %q", id)
		}
	}
	some, err := chosen(
		r,
		"InstanceId",
		"instance",
		"InvalidInstanceID.NotFound",
		s.vpc.instances,
		func(i *Instance) string { return i.ID },
	)
	if err != nil {
		return nil, err
	}
	some, err = filtered(r, some, func(i *Instance) map[string][]string {
		return map[string][]string{"instance-id": {i.ID}, "instance-state-name": {i.State}}
	})
	if err != nil {
		return nil, err
	}
	var items []ec2Reservation
	for _, i := range some {
		items = append(items, ec2Reservation{"r-" + strings.TrimPrefix(i.ID, "i-"), s.opts.AccountID, []ec2Instance{s.showInstance(i)}})
	}
	return ec2Page(r, "reservationSet", items, ec2Default(), "InstanceId")
}

func (s *Sandbox) showInstance(i *Instance) ec2Instance {
	out := ec2Instance{InstanceID: i.ID, ImageID: imageID, InstanceType: cmp.Or(i.Type, instanceType), Zone: cmp.Or(i.Zone, s.zone())}
	if !i.Launched.IsZero() {
		out.LaunchTime = i.Launched.UTC().Format(time.RFC3339)
	}
	for _, key := range slices.Sorted(maps.Keys(i.Tags)) {
		out.Tags = append(out.Tags, ec2Tag{Key: key, Value: i.Tags[key]})
	}
	out.State.Code, out.State.Name = stateCodes()[i.State], i.State
	for n := range i.Interfaces {
		out.Interfaces = append(out.Interfaces, s.showInterface(&i.Interfaces[n]))
	}
	if len(out.Interfaces) > 0 {
		first := out.Interfaces[0]
		out.PrivateIP, out.SubnetID, out.VpcID, out.Groups = first.PrivateIP, first.SubnetID, first.VpcID, first.Groups
	}
	if i.ID == s.opts.InstanceID {
		for _, key := range slices.Sorted(maps.Keys(s.instanceTags())) {
			out.Tags = append(out.Tags, ec2Tag{Key: key, Value: s.instanceTags()[key]})
		}
	}
	return out
}

type ec2Interface struct {
	ID         string         `xml:"networkInterfaceId"`
	SubnetID   string         `xml:"subnetId"`
	VpcID      string         `xml:"vpcId"`
	OwnerID    string         `xml:"ownerId"`
	Type       string         `xml:"interfaceType"`
	Text       string         `xml:"description"`
	Requester  string         `xml:"requesterId,omitempty"`
	Managed    bool           `xml:"requesterManaged"`
	Status     string         `xml:"status"`
	PrivateIP  string         `xml:"privateIpAddress,omitempty"`
	Groups     []ec2GroupName `xml:"groupSet>item"`
	Addresses  []ec2Address   `xml:"privateIpAddressesSet>item"`
	IPv6       []ec2IPv6      `xml:"ipv6AddressesSet>item"`
	Attachment *ec2Attachment `xml:"attachment"`
}

type ec2GroupName struct {
	ID   string `xml:"groupId"`
	Name string `xml:"groupName"`
}

type ec2Address struct {
	Addr    string `xml:"privateIpAddress"`
	Primary bool   `xml:"primary"`
}

type ec2IPv6 struct {
	Addr string `xml:"ipv6Address"`
}

type ec2Attachment struct {
	InstanceID string `xml:"instanceId,omitempty"`
	Status     string `xml:"status"`
}

func (s *Sandbox) showInterface(i *Interface) ec2Interface {
	out := ec2Interface{ID: i.ID, SubnetID: i.Subnet, VpcID: i.VPC, OwnerID: s.opts.AccountID, Type: i.Type, Status: "available",
		Text: i.Description, Requester: i.Requester, Managed: i.Requester != ""}
	for _, id := range i.Groups {
		name := ""
		if g := s.vpc.group(id); g != nil {
			name = g.Name
		}
		out.Groups = append(out.Groups, ec2GroupName{id, name})
	}
	for _, a := range i.Addrs {
		if strings.Contains(a, ":") {
			out.IPv6 = append(out.IPv6, ec2IPv6{a})
			continue
		}
		out.Addresses = append(out.Addresses, ec2Address{a, out.PrivateIP == ""})
		out.PrivateIP = out.Addresses[0].Addr
	}
	if owner := s.vpc.owner[i.ID]; owner != nil {
		out.Status, out.Attachment = "in-use", &ec2Attachment{owner.ID, "attached"}
	}
	return out
}

func (s *Sandbox) describeNetworkInterfaces(r *request) (any, *apiError) {
	some, err := chosen(r, "NetworkInterfaceId", "networkInterface", "InvalidNetworkInterfaceID.NotFound", s.vpc.interfaces,
		func(i *Interface) string { return i.ID })
	if err != nil {
		return nil, err
	}
	some, err = filtered(r, some, func(i *Interface) map[string][]string {
		return map[string][]string{
			"network-interface-id": {i.ID}, "subnet-id": {i.Subnet}, "vpc-id": {i.VPC}, "group-id": i.Groups,
			"addresses.private-ip-address": i.Addrs, "ipv6-addresses.ipv6-address": i.Addrs,
			"description": {i.Description},
		}
	})
	if err != nil {
		return nil, err
	}
	var items []ec2Interface
	for _, i := range some {
		items = append(items, s.showInterface(i))
	}
	return ec2Page(r, "networkInterfaceSet", items, ec2Default(), "NetworkInterfaceId")
}
