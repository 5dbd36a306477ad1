package redacttest

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// chosen are typical passwords that people choose.
var chosen = []string{"correcthorse", "swordfish", "Sommerzeit", "hunter2", "letmein", "Winter2024", "opensesame"}

// Forms returns the number of distinct forms in Corpus.
func Forms() int {
	return len(templates) + len(attacks) + len(apart) + len(layouts) + len(prints) + len(runtimes) + len(vendors)
}

// Corpus returns secrets in the forms that ECS, Docker, cloud-init, shells and applications produce. It always returns
// the same list. Each form appears with three random values. If the name of a secret precedes the value, it also
// appears with a plain word.
func Corpus() []Secret {
	s := source{rand.New(rand.NewPCG(11, 6))}
	var all []Secret
	for i, t := range slices.Concat(templates, attacks, layouts, prints, runtimes, apart) {
		values := []string{
			s.word(14),
			s.text(1, upper) + s.text(22, mixed) + "9z",
			"k" + s.text(4, lower) + s.text(3, digits) + "-" + s.text(6, mixed) + "_4",
		}
		if t.word {
			values = append(values, chosen[i%len(chosen)])
		}
		for _, v := range values {
			all = append(all, Secret{t.source, fmt.Sprintf(t.text, v), []string{v}})
		}
	}
	for _, v := range vendors {
		it := v.make(s)
		all = append(all, Secret{v.name, "calling the API as " + it + " now", []string{it}})
	}
	return all
}
