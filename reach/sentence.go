package reach

import (
	"fmt"
	"strings"
)

// Sentence returns the verdict as one actionable sentence: which ports, from where to where, at which hop, because of
// which rule or entry, and the most probable mistake.
func (v Verdict) Sentence() string {
	return v.head() + ": " + strings.Join(v.clauses(), "; ")
}

func (v Verdict) head() string {
	format := "%s cannot reach %s on %s"
	switch v.Status {
	case Open:
		format = "%s can reach %s on %s"
	case Unknown:
		format = "%s may or may not reach %s on %s"
	}
	return fmt.Sprintf(format, party(v.Source, v.From.IsValid(), v.From), party(v.Destination, v.To.IsValid(), v.To), v.subject())
}

func party(name string, known bool, addr fmt.Stringer) string {
	if !known || name == addr.String() {
		return name
	}
	return fmt.Sprintf("%s (%s)", name, addr)
}

// subject returns text such as "tcp 47106-47109 of 47100-47109 (ignite2 communication)".
func (v Verdict) subject() string {
	ports := v.Missing
	if v.Status == Unknown {
		ports = v.Unknown
	}
	if len(ports) == 0 || ports.Covers(v.Need.Ports.set()) {
		return v.Need.String()
	}
	return fmt.Sprintf("%s %s of %s%s", v.Need.Protocol, ports, v.Need.Ports, v.Need.label())
}

func (v Verdict) clauses() []string {
	var out []string
	for i := range v.Steps {
		if s := &v.Steps[i]; v.mentions(s) {
			out = append(out, v.clause(s))
		}
	}
	if len(v.Steps) == 0 {
		out = append(out, "no pair of addresses to evaluate")
		for _, why := range v.Unread {
			out = append(out, why.String())
		}
	}
	for _, h := range v.Hints {
		out = append(out, h.Text)
	}
	out = append(out, v.Warnings...)
	if v.Status == Open && len(v.Excess) > 0 {
		out = append(out, "wider than needed by "+v.Excess.String())
	}
	return out
}

// mentions reports whether the sentence mentions the step. It mentions the steps that deny traffic, or else those that are
// unknown. For an open path it mentions only the destination ingress.
func (v Verdict) mentions(s *Step) bool {
	switch v.Status {
	case Open:
		return s.Hop == DestinationIngress
	case Unknown:
		return s.Status == Unknown
	}
	return len(s.Missing) > 0
}

func (v Verdict) clause(s *Step) string {
	where := fmt.Sprintf("at %s of %s", s.Hop, s.Endpoint)
	switch s.Status {
	case Open:
		if len(s.Rules) == 0 {
			return where + ", allowed: the interface has no security group"
		}
		return fmt.Sprintf("%s, allowed by %s", where, names(s.Rules))
	case Unknown:
		return fmt.Sprintf("%s, %s is not known: %s", where, s.Unknown, reasons(s.Unread))
	case Blocked:
		if s.Route != "" {
			return "at the route, " + s.Route
		}
		return fmt.Sprintf("%s, %s", where, denials(s))
	case Stale:
		return fmt.Sprintf("%s, gone stale: %s", where, names(s.Stale))
	}
	return where + ", " + lacking(s)
}

func lacking(s *Step) string {
	text := fmt.Sprintf("no rule%s allows %s", onENI(s.ENI), s.Missing)
	if len(s.Rules) > 0 {
		text += fmt.Sprintf(" (%s: %s)", names(s.Rules), s.Open)
	}
	return text
}

func onENI(eni string) string {
	if eni == "" {
		return ""
	}
	return " on " + eni
}

func denials(s *Step) string {
	what := ""
	if s.Hop == ReturnPath {
		what = "the answers to ports "
	}
	var out []string
	for _, d := range s.Denials {
		entry := "entry * (what no entry allows)"
		if d.Entry != ImplicitEntry {
			entry = fmt.Sprintf("entry %d", d.Entry)
		}
		out = append(out, fmt.Sprintf("%s of %s denies %s%s", entry, d.ACL, what, d.Ports))
	}
	return strings.Join(out, ", ")
}

// names lists at most three rules, to keep the sentence short.
func names(hits []Hit) string {
	const most = 3
	var out []string
	for _, h := range hits[:min(most, len(hits))] {
		out = append(out, h.Name())
	}
	if len(hits) > most {
		out = append(out, fmt.Sprintf("%d more", len(hits)-most))
	}
	return strings.Join(out, " and ")
}

func reasons(all []Unread) string {
	var out []string
	for _, why := range all {
		out = append(out, why.String())
	}
	return strings.Join(out, ", ")
}
