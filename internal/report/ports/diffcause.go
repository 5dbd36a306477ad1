package ports

import (
	"fmt"
	"slices"
	"strings"

	"muster/reach"
)

// worlds records which rules existed in the baseline and which exist now.
type worlds struct{ now, then map[string]bool }

func newWorlds(now, then reach.World) worlds { return worlds{rulesOf(now), rulesOf(then)} }

func rulesOf(w reach.World) map[string]bool {
	out := map[string]bool{}
	for _, g := range w.Groups {
		for _, r := range g.Rules {
			out[g.ID+" "+r.String()] = true
		}
	}
	return out
}

// between returns what was added or removed on the path of one pair. The rules of a step are those that opened the
// ports.
func (w worlds) between(then, now reach.Verdict, from, fromNow, to, toNow reach.Endpoint) (causes []string) {
	add := func(format string, args ...any) {
		if text := fmt.Sprintf(format, args...); !slices.Contains(causes, text) {
			causes = append(causes, text)
		}
	}
	guard := map[reach.Hop][2]reach.Endpoint{reach.SourceEgress: {from, fromNow}, reach.DestinationIngress: {to, toNow}}
	other := map[reach.Hop][2]reach.Endpoint{reach.SourceEgress: {to, toNow}, reach.DestinationIngress: {from, fromNow}}
	for _, hop := range []reach.Hop{
		reach.SourceEgress, reach.SourceACL, reach.RouteHop, reach.DestinationACL, reach.DestinationIngress, reach.ReturnPath,
	} {
		was, is := stepsAt(then, hop), stepsAt(now, hop)
		for _, h := range without(was.hits, is.hits) {
			switch {
			case !w.now[h.Group+" "+h.Rule.String()]:
				add("removed: %s", ruleText(h))
			default:
				add("no longer applies: %s%s", ruleText(h), groupsChanged(h.Group, guard[hop], other[hop]))
			}
		}
		for _, h := range without(is.hits, was.hits) {
			switch {
			case !w.then[h.Group+" "+h.Rule.String()]:
				add("added: %s", ruleText(h))
			default:
				add("applies now: %s%s", ruleText(h), groupsChanged(h.Group, guard[hop], other[hop]))
			}
		}
		for _, text := range withoutText(is.texts, was.texts) {
			add("new at the %s: %s", hop, text)
		}
		for _, text := range withoutText(was.texts, is.texts) {
			add("gone at the %s: %s", hop, text)
		}
	}
	return causes
}

// ruleText returns text such as "rule sgr-1 of sg-q (tcp 47100-47199 from sg-p)".
func ruleText(h reach.Hit) string {
	if len(h.Rule.IDs) == 0 {
		return h.Name() // the name contains what it allows
	}
	return fmt.Sprintf("rule %s (%s)", h.Name(), h.Rule)
}

// stepTexts holds the rules of a hop that open ports, and what is denied or unknown there.
type stepTexts struct {
	hits  []reach.Hit
	texts []string
}

func stepsAt(v reach.Verdict, hop reach.Hop) (out stepTexts) {
	for _, s := range v.Steps {
		if s.Hop != hop {
			continue
		}
		out.hits = append(out.hits, s.Rules...)
		for _, d := range s.Denials {
			entry := "entry *"
			if d.Entry != reach.ImplicitEntry {
				entry = fmt.Sprintf("entry %d", d.Entry)
			}
			out.texts = append(out.texts, fmt.Sprintf("%s of %s denies %s", entry, d.ACL, d.Ports))
		}
		if s.Route != "" {
			out.texts = append(out.texts, s.Route)
		}
		for _, u := range s.Unread {
			out.texts = append(out.texts, "not read: "+u.String())
		}
	}
	return out
}

// groupsChanged returns which security groups were added to an interface or removed from it.
func groupsChanged(group string, guard, other [2]reach.Endpoint) string {
	for _, e := range []struct {
		pair [2]reach.Endpoint
		only string
	}{{guard, group}, {other, ""}} {
		then, now := e.pair[0], e.pair[1]
		if e.only != "" && slices.Contains(then.Groups, e.only) == slices.Contains(now.Groups, e.only) {
			continue
		}
		if !slices.Equal(slices.Sorted(slices.Values(then.Groups)), slices.Sorted(slices.Values(now.Groups))) {
			return fmt.Sprintf(": the groups of %s are %s, and were %s", now.Name, list(now.Groups), list(then.Groups))
		}
	}
	if !slices.Equal(other[0].Addrs, other[1].Addrs) {
		return fmt.Sprintf(": the addresses of %s are others", other[1].Name)
	}
	return ""
}

func list(groups []string) string {
	if len(groups) == 0 {
		return "none"
	}
	return strings.Join(groups, ", ")
}

func without(a, b []reach.Hit) []reach.Hit {
	return slices.DeleteFunc(slices.Clone(a), func(h reach.Hit) bool {
		return slices.ContainsFunc(b, func(o reach.Hit) bool { return o.Group == h.Group && o.Rule.String() == h.Rule.String() })
	})
}

func withoutText(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(text string) bool { return slices.Contains(b, text) })
}
