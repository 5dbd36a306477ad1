package reach

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// FixFormats returns the formats that FixFile supports.
func FixFormats() []string { return []string{"cli", "cloudformation", "terraform"} }

// FixFile returns the content of a file that adds the rules: a shell script of AWS CLI commands, a CloudFormation
// template or a Terraform configuration. A comment above each rule names the pairs and ports that it opens.
func FixFile(format, scope string, openings []Opening) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Rules that open the required ports in %s, the smallest first.\n", oneLine(scope))
	if len(openings) == 0 {
		b.WriteString("# No security group rule is missing.\n")
	}
	if regions := regionsOf(openings); format != "cli" && len(regions) > 0 {
		fmt.Fprintf(&b, "# Region: %s\n", strings.Join(regions, ", "))
	}
	if format == "cloudformation" {
		b.WriteString("Resources:\n")
		if len(openings) == 0 {
			b.Reset()
			b.WriteString("# No security group rule is missing.\nResources: {}\n")
		}
	}
	for _, o := range openings {
		b.WriteString("\n")
		for _, n := range o.Needs {
			fmt.Fprintf(&b, "# %s\n", oneLine(o.purpose(n)))
		}
		switch format {
		case "cloudformation":
			for line := range strings.Lines(o.CloudFormation()) {
				b.WriteString("  " + line)
			}
		case "terraform":
			b.WriteString(o.Terraform())
		default:
			b.WriteString(o.Command() + "\n")
		}
	}
	return b.String()
}

func regionsOf(openings []Opening) (out []string) {
	for _, o := range openings {
		if o.Region != "" && !slices.Contains(out, o.Region) {
			out = append(out, o.Region)
		}
	}
	return out
}

// purpose returns text such as "tcp 47106-47199 (ignite2 communication): i-1 -> i-2, i-3 (2 pairs)".
func (o Opening) purpose(n Need) string {
	pairs := "1 pair"
	if o.Pairs > 1 {
		pairs = fmt.Sprintf("%d pairs", o.Pairs)
	}
	return fmt.Sprintf("%s %s%s: %s -> %s (%s)", n.Protocol, o.Ports.Intersect(n.Ports.set()), n.label(), abbreviate(o.From), abbreviate(o.To),
		pairs)
}

// abbreviate returns the first names and the number of the others.
func abbreviate(names []string) string {
	const most = 4
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most-1], ", "), len(names)-most+1)
}

// oneLine replaces control characters, so that a name with a line break cannot end the comment.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
}

// Terraform returns the rules as resources of the AWS provider, one per port range.
func (f Fix) Terraform() string {
	var b strings.Builder
	for _, r := range f.Ports {
		fmt.Fprintf(&b, "resource \"aws_vpc_security_group_%s_rule\" %s {\n", f.Direction, quoteHCL(f.terraformName(r)))
		fmt.Fprintf(&b, "  security_group_id = %s\n", quoteHCL(f.Group))
		key, value := f.terraformPeer()
		fmt.Fprintf(&b, "  %s = %s\n", key, quoteHCL(value))
		fmt.Fprintf(&b, "  ip_protocol = %s\n  from_port = %d\n  to_port = %d\n}\n", quoteHCL(f.Protocol.wire()), r.First, r.Last)
	}
	return b.String()
}

// terraformPeer returns the argument for the peer. The provider expects ACCOUNT/GROUP for a group in another account.
func (f Fix) terraformPeer() (key, value string) {
	ref := f.Peer.Group
	switch {
	case ref.ID != "" && ref.Owner != "":
		return "referenced_security_group_id", ref.Owner + "/" + ref.ID
	case ref.ID != "":
		return "referenced_security_group_id", ref.ID
	case f.Peer.CIDR.Addr().Is4():
		return "cidr_ipv4", f.Peer.CIDR.String()
	}
	return "cidr_ipv6", f.Peer.CIDR.String()
}

// terraformName returns a name of lower-case letters, digits and underscores.
func (f Fix) terraformName(r Range) string {
	name := fmt.Sprintf("muster_%s_%s_%d_to_%d_%s_%s", f.Direction, f.Protocol, r.First, r.Last, f.Group, f.Peer)
	return strings.Map(func(c rune) rune {
		if isAlphanumeric(c) {
			return unicode.ToLower(c)
		}
		return '_'
	}, name)
}

// quoteHCL quotes a string and escapes HCL's template sequences.
func quoteHCL(s string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(fmt.Sprintf("%q", s))
}
