package network

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"muster/check"
	"muster/check/subject"
	"muster/internal/base/fix"
	"muster/internal/file/safefile"
	"muster/internal/host/netpath"
)

const hostsFile = "/etc/hosts"

// hostsLine returns the number of the line in hosts(5) that maps the name to this address, or 0.
func hostsLine(hosts, name string, addr netip.Addr) int {
	n := 0
	for line := range strings.Lines(hosts) {
		n++
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) < 2 || !slices.ContainsFunc(fields[1:], func(f string) bool { return strings.EqualFold(f, name) }) {
			continue
		}
		if at, err := netip.ParseAddr(fields[0]); err == nil && at.Unmap() == addr.Unmap() {
			return n
		}
	}
	return 0
}

// mayBeWrongAddress reports whether a wrong address can cause this kind of failure.
func mayBeWrongAddress(kind netpath.Kind) bool {
	return slices.Contains([]netpath.Kind{netpath.TimedOut, netpath.NoRoute, netpath.Refused, netpath.WrongName}, kind)
}

// wrongAddress completes the finding for endpoints that fail because of a wrong address. The address comes from
// /etc/hosts, or nothing responds at it while other endpoints respond.
func (g Group) wrongAddress(f *check.Finding, failed, all []attempt) {
	t := failed[0]
	if t.proxied || !t.Addr.IsValid() {
		return
	}
	name, addr := t.host, t.Addr.Addr()
	data, err := safefile.Read(g.Config.Path(hostsFile), subject.MaxSmall)
	if line := hostsLine(string(data), name, addr); err == nil && line > 0 {
		f.Evidence = append(f.Evidence, f.Summary)
		f.Summary = fmt.Sprintf("%s:%d gives %s the address %s", hostsFile, line, name, addr)
		f.Fix = fix.Do("Remove the line, and restart the ECS agent, which has a copy of the file:",
			fmt.Sprintf(`sudo sed -i.bak '/[[:space:]]%s\([[:space:]]\|$\)/d' %s`, regexp.QuoteMeta(name), hostsFile), subject.RestartECS)
		f.SymptomOf = nil
		return
	}
	if t.Kind == netpath.NoRoute && addr.IsPrivate() &&
		slices.ContainsFunc(all, func(o attempt) bool { return o.Kind == netpath.Reached }) {
		f.Summary = fmt.Sprintf("nothing responds at %s, the address of %s", addr, name)
		f.Fix = fix.Do("Correct the DNS record of the name, such as one in a private zone for a VPC endpoint that was deleted:",
			"getent ahosts "+name,
			fmt.Sprintf("aws ec2 describe-network-interfaces --region %s --filters Name=private-ip-address,Values=%s", g.Region(), addr))
	}
}
