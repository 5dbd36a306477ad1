package reach

import (
	"fmt"
	"net/netip"
	"strings"
)

// Fix is the smallest addition to one security group that opens the missing ports.
type Fix struct {
	Group     string
	Direction Direction
	Protocol  Protocol
	Ports     Ports // one rule per range
	Peer      Peer  // a group or a single address
	Region    string
}

// fix returns the rules that open the missing ports to the peer.
func (j *Judge) fix(g *leg, missing Ports) Fix {
	return Fix{j.target(g), g.dir, g.protocol, missing, j.fixPeer(g), g.self.Region}
}

// target returns the security group to extend. It prefers a group that already opens some of the ports to the peer,
// then a group with a rule for the ports, then the first group other than the VPC's default group, which many unrelated
// interfaces share.
func (j *Judge) target(g *leg) string {
	groups := distinct(g.self.Groups)
	if len(groups) == 1 {
		return groups[0] // its rules, which can name every peer by address, do not matter
	}
	var bears, own string
	for _, id := range groups {
		group, _ := j.group(id)
		if group == nil {
			continue
		}
		rules := group.bearing(g.dir, g.need())
		for _, r := range rules {
			if a, _ := j.admits(r, g.self, g.peer, g.addr); a == yes {
				return id
			}
		}
		if bears == "" && len(rules) > 0 {
			bears = id
		}
		if own == "" && !j.isDefault(id) {
			own = id
		}
	}
	for _, id := range []string{bears, own} {
		if id != "" {
			return id
		}
	}
	return g.self.Groups[0]
}

func (j *Judge) isDefault(id string) bool {
	g, _ := j.group(id)
	return g != nil && g.Name == "default"
}

// fixPeer returns the peer's security group if the choice is unambiguous and a rule can reference it. Otherwise it
// returns the peer's address.
func (j *Judge) fixPeer(g *leg) Peer {
	var groups []string
	for _, id := range distinct(g.peer.Groups) {
		if !j.isDefault(id) {
			groups = append(groups, id)
		}
	}
	if len(groups) != 1 || !j.referable(g) {
		return Peer{CIDR: netip.PrefixFrom(g.addr, g.addr.BitLen())}
	}
	return reference(g, groups[0])
}

func reference(g *leg, group string) Peer {
	ref := GroupRef{ID: group}
	if g.self.Account != g.peer.Account {
		ref.Owner = g.peer.Account
	}
	return Peer{Group: ref}
}

// ways returns all the peers with which a rule could match the endpoint.
func (j *Judge) ways(g *leg) []Peer {
	out := []Peer{{CIDR: netip.PrefixFrom(g.addr, g.addr.BitLen())}}
	if j.referable(g) {
		for _, id := range g.peer.Groups {
			out = append(out, reference(g, id))
		}
	}
	return out
}

// referable reports whether a rule at this hop can reference the peer's security groups.
func (j *Judge) referable(g *leg) bool {
	apart := g.self.VPC != g.peer.VPC || farApart(g.self, g.peer) || j.detour(g.self, g.peer) != ""
	return !apart && groupsUnread(g.peer).isZero()
}

// Command returns an AWS CLI command that adds the rules. It is quoted for a shell.
func (f Fix) Command() string {
	words := []string{"aws", "ec2", "authorize-security-group-" + f.Direction.String()}
	if f.Region != "" {
		words = append(words, "--region", shellQuote(f.Region))
	}
	words = append(words, "--group-id", shellQuote(f.Group), "--ip-permissions")
	for _, r := range f.Ports {
		words = append(words, shellQuote(f.permission(r)))
	}
	return strings.Join(words, " ")
}

// permission returns one IpPermission in the AWS CLI's shorthand syntax.
func (f Fix) permission(r Range) string {
	return fmt.Sprintf("IpProtocol=%s,FromPort=%d,ToPort=%d,%s", f.Protocol.wire(), r.First, r.Last, f.shorthandPeer())
}

func (f Fix) shorthandPeer() string {
	switch {
	case f.Peer.Group.ID != "" && f.Peer.Group.Owner != "":
		return fmt.Sprintf("UserIdGroupPairs=[{GroupId=%s,UserId=%s}]", f.Peer.Group.ID, f.Peer.Group.Owner)
	case f.Peer.Group.ID != "":
		return fmt.Sprintf("UserIdGroupPairs=[{GroupId=%s}]", f.Peer.Group.ID)
	case f.Peer.CIDR.Addr().Is4():
		return fmt.Sprintf("IpRanges=[{CidrIp=%s}]", f.Peer.CIDR)
	}
	return fmt.Sprintf("Ipv6Ranges=[{CidrIpv6=%s}]", f.Peer.CIDR)
}

// shellQuote puts a word in single quotes unless it consists of plain characters only.
func shellQuote(s string) string {
	odd := func(r rune) bool { return !isAlphanumeric(r) && !strings.ContainsRune("-_./:", r) }
	if s != "" && strings.IndexFunc(s, odd) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// CloudFormation returns the rules as YAML resources of a template.
func (f Fix) CloudFormation() string {
	var b strings.Builder
	for _, r := range f.Ports {
		kind := "Ingress"
		if f.Direction == Egress {
			kind = "Egress"
		}
		fmt.Fprintf(&b, "%s:\n  Type: AWS::EC2::SecurityGroup%s\n  Properties:\n", f.logicalID(r), kind)
		fmt.Fprintf(&b, "    GroupId: %q\n    IpProtocol: %q\n", f.Group, f.Protocol.wire())
		fmt.Fprintf(&b, "    FromPort: %d\n    ToPort: %d\n", r.First, r.Last)
		b.WriteString(f.templatePeer())
	}
	return b.String()
}

// templatePeer returns the property for the peer. Only the ingress resource has a property for the peer's account.
func (f Fix) templatePeer() string {
	ref := f.Peer.Group
	switch {
	case ref.ID != "" && f.Direction == Egress:
		return fmt.Sprintf("    DestinationSecurityGroupId: %q\n", ref.ID)
	case ref.Owner != "":
		return fmt.Sprintf("    SourceSecurityGroupId: %q\n    SourceSecurityGroupOwnerId: %q\n", ref.ID, ref.Owner)
	case ref.ID != "":
		return fmt.Sprintf("    SourceSecurityGroupId: %q\n", ref.ID)
	case f.Peer.CIDR.Addr().Is4():
		return fmt.Sprintf("    CidrIp: %q\n", f.Peer.CIDR)
	}
	return fmt.Sprintf("    CidrIpv6: %q\n", f.Peer.CIDR)
}

// logicalID returns a name of letters and digits only, as CloudFormation requires. It inserts an x between adjacent
// numbers, so that different addresses never result in the same name.
func (f Fix) logicalID(r Range) string {
	name := fmt.Sprintf("muster %s %s %d to %d %s %s", f.Direction, f.Protocol, r.First, r.Last, f.Group, f.Peer)
	words := strings.FieldsFunc(name, func(r rune) bool { return !isAlphanumeric(r) })
	var b strings.Builder
	for i, word := range words {
		if i > 0 && isDigit(word[0]) && isDigit(words[i-1][len(words[i-1])-1]) {
			b.WriteByte('x')
		}
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isAlphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}
