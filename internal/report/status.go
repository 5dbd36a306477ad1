package report

import (
	"io"
	"time"

	"muster/agent/agentstate"
	"muster/check"
	"muster/internal/base/fix"
	"muster/internal/term"
)

// Status writes the output of `muster status`: the verdict in one line, the problems with their fixes, and the state, a
// line for each part.
//
//	Problem: web/app is unhealthy
//	  why      its health check fails: connection refused
//	  fix      Read the output of the health check:
//	           sudo docker inspect --format '{{json .State.Health}}' 3f2a1b
//	  page     muster explain muster-unhealthy
func Status(out io.Writer, style term.Style, s agentstate.State, now time.Time) error {
	p := printer{term.NewPrinter(out, style)}
	problems := s.Problems(now)
	if s.Stale(now) {
		problems = nil // the state is too old to report problems from it
	}
	another := map[string]bool{}
	say := func(word string, f check.Finding) {
		title := word
		if another[word] {
			title = "Another " + lowerFirst(word)
		}
		another[word] = true
		p.Title(colors[f.Status], title+": "+f.Summary)
		p.details(f)
		p.Blank()
	}
	for _, warnings := range []bool{false, true} {
		if text, why := s.UnknownReason(now); warnings && text != "" {
			say("Unknown", check.Finding{Status: check.Unknown, Summary: text, Evidence: []string{why}, Fix: doubtFix(s, now)})
		}
		for _, it := range problems {
			f := check.Finding{ID: it.ID, Status: check.Fail, Summary: it.Text, Evidence: it.Why, Fix: it.Fix}
			switch {
			case it.Warning != warnings:
			case warnings:
				f.Status = check.Warn
				say("Warning", f)
			default:
				say("Problem", f)
			}
		}
	}
	if len(another) == 0 {
		p.Title(colors[check.Pass], "Healthy: "+s.Summary(now))
		p.Blank()
	}
	if p.Err() != nil {
		return p.Err()
	}
	return s.Table(out, style, now)
}

func doubtFix(s agentstate.State, now time.Time) fix.Fix {
	if s.Stale(now) {
		return fix.Do("Find out why, then restart muster-agent:", "sudo journalctl -u muster-agent -n 20 --no-pager",
			"sudo systemctl restart muster-agent")
	}
	return fix.Do("Find out why the ECS agent does not respond:", "sudo muster debug")
}
