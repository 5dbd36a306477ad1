package ports

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"muster/reach"
)

// AddProbe joins a dial from one endpoint to another with the verdict over
// that need. problem is what the dial met, in the system's words.
func (r *Report) AddProbe(from, to reach.Endpoint, n reach.Need, p reach.Probe, problem string) {
	v := r.judge.Evaluate(from, to, n)
	r.Probes = append(r.Probes, Probe{
		To: to.Name, Need: n.String(), Port: p.Port, Contact: p.Contact.String(), Error: problem, Sentence: v.Join(p),
		passed: p.Contact == reach.Connected || p.Contact == reach.Refused, open: v.Status == reach.Open,
		lost: p.Contact == reach.TimedOut || p.Contact == reach.NoRoute,
	})
}

// agrees: the dial passed, as the rules say it should.
func (p Probe) agrees() bool { return p.passed && p.open }

// Contacts is "8 connected, 4 refused"; empty when nobody was dialled.
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

// Filtered are the sentences over the dials that were lost though the rules let
// them pass: one for each need and peer. They are certain where a peer that
// answers on another port is among them, or where no one of several peers
// answered: a single peer that is silent may just be gone.
func (r *Report) Filtered() (sentences []string, certain bool) {
	told, answers, lost := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, p := range r.Probes {
		answers[p.To] = answers[p.To] || p.passed
	}
	for _, p := range r.Probes {
		if !p.lost || !p.open {
			continue
		}
		lost[p.To] = true
		certain = certain || answers[p.To]
		if key := p.To + " " + p.Need; !told[key] {
			told[key] = true
			sentences = append(sentences, p.Sentence)
		}
	}
	return sentences, certain || len(lost) > 1 && len(lost) == len(answers)
}
