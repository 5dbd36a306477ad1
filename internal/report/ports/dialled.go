package ports

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"muster/reach"
)

// AddProbe adds the result of a connection attempt from one endpoint to another, combined with the verdict about that
// requirement. problem contains the system's error text. A probe of a spare port is ignored.
func (r *Report) AddProbe(from, to reach.Endpoint, n reach.Need, p reach.Probe, problem string) {
	v := r.judge.Evaluate(from, to, n)
	if r.spare(n, v.Outcome).Has(p.Port) {
		return
	}
	r.Probes = append(r.Probes, Probe{
		To: to.Name, Need: n.String(), Port: p.Port, Contact: p.Contact.String(), Error: problem, Sentence: v.Join(p),
		passed: p.Contact == reach.Connected || p.Contact == reach.Refused, open: v.Open(n).Has(p.Port),
		lost: p.Contact == reach.TimedOut || p.Contact == reach.NoRoute,
	})
}

// AddUndialled records why a port could not be dialed from this instance.
func (r *Report) AddUndialled(why string) {
	if !r.undialled[why] {
		if r.undialled == nil {
			r.undialled = map[string]bool{}
		}
		r.undialled[why] = true
		r.Notes = append(r.Notes, "could not dial from here: "+why)
	}
}

// Undialled returns the sorted reasons why no peer at all could be dialed. It returns nil if at least one peer was
// dialed, or if no dial was requested.
func (r *Report) Undialled() []string {
	if len(r.Probes) > 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(r.undialled))
}

// Dialled summarizes the dials of one requirement's ports that the rules allow.
type Dialled struct {
	Need  string
	Ports []uint16 // the dialed ports
	// Peers is the number of dialed peers. Connected accepted a connection, Refused rejected it because nothing listens
	// on the port, and Lost did not respond on any port.
	Peers, Connected, Refused, Lost int
	Unanswered                      []string // one failed dial for each lost peer
	// Elsewhere is true if a lost peer responds on a port of another requirement.
	Elsewhere bool
	// Listened is true if a server on this instance uses a port of the requirement.
	Listened bool
}

// Dialled summarizes the dials by requirement, in the order of the requirements.
func (r *Report) Dialled() []Dialled {
	var out []Dialled
	for _, n := range r.needs {
		if d := r.dialled(n.String()); d.Peers > 0 {
			out = append(out, d)
		}
	}
	return out
}

func (r *Report) dialled(need string) Dialled {
	d := Dialled{Need: need, Listened: len(r.listened[need]) > 0}
	best, elsewhere := map[string]Probe{}, map[string]bool{}
	var peers []string
	for _, p := range r.Probes {
		if p.Need != need {
			elsewhere[p.To] = elsewhere[p.To] || p.passed
			continue
		}
		if !p.open || !p.passed && !p.lost {
			continue
		}
		if !slices.Contains(d.Ports, p.Port) {
			d.Ports = append(d.Ports, p.Port)
		}
		was, known := best[p.To]
		if !known {
			peers = append(peers, p.To)
		}
		if !known || p.passed && !was.passed || p.Contact == reach.Connected.String() {
			best[p.To] = p
		}
	}
	for _, peer := range peers {
		d.count(best[peer], elsewhere[peer])
	}
	return d
}

func (d *Dialled) count(p Probe, elsewhere bool) {
	d.Peers++
	switch {
	case p.Contact == reach.Connected.String():
		d.Connected++
	case p.passed:
		d.Refused++
	default:
		d.Lost++
		d.Unanswered = append(d.Unanswered, p.String())
		d.Elsewhere = d.Elsewhere || elsewhere
	}
}

// String returns a sentence such as "tcp 47500: 2 of 3 peers accept a connection; no response from 1".
func (d Dialled) String() string {
	text := fmt.Sprintf("%s: %d of %d peers accept a connection", d.Need, d.Connected, d.Peers)
	if d.Refused > 0 {
		text += fmt.Sprintf("; %d refused it: the host is reached, and nothing listens there", d.Refused)
	}
	if d.Lost > 0 {
		text += fmt.Sprintf("; no response from %d", d.Lost)
	}
	return text
}

// String returns text such as "port 47500 of i-1: timed out (i/o timeout)".
func (p Probe) String() string {
	text := fmt.Sprintf("port %d of %s: %s", p.Port, p.To, p.Contact)
	if p.Error != "" {
		text += " (" + p.Error + ")"
	}
	return text
}

// agrees reports whether the dial reached the peer and the rules allow it.
func (p Probe) agrees() bool { return p.passed && p.open }

// Contacts returns text such as "8 connected, 4 refused", or "" if no peer was dialed.
func (r *Report) Contacts() string {
	counts := map[string]int{}
	for _, p := range r.Probes {
		counts[p.Contact]++
	}
	var parts []string
	for _, contact := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[contact], contact))
	}
	return strings.Join(parts, ", ")
}

// Filtered returns a sentence for each requirement and peer whose dial got no response although the rules allow it. The
// result is certain if such a peer responds on another port, or if several peers were dialed and none responded. A
// single silent peer may just be down.
func (r *Report) Filtered() (sentences []string, certain bool) {
	listed, answers, lost := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, p := range r.Probes {
		answers[p.To] = answers[p.To] || p.passed
	}
	for _, p := range r.Probes {
		if !p.lost || !p.open {
			continue
		}
		lost[p.To] = true
		certain = certain || answers[p.To]
		if key := p.To + " " + p.Need; !listed[key] {
			listed[key] = true
			sentences = append(sentences, p.Sentence)
		}
	}
	return sentences, certain || len(lost) > 1 && len(lost) == len(answers)
}
