package redacttest

import (
	"fmt"
	"math/rand/v2"
)

// chosen are passwords that people choose.
var chosen = []string{"correcthorse", "swordfish", "Sommerzeit", "hunter2", "letmein", "Winter2024", "opensesame"}

// Forms is the number of distinct forms that Corpus plants secrets in.
func Forms() int { return len(templates) }

// Corpus makes secrets in all the forms that ECS, Docker, cloud-init, shells and
// applications produce, always the same: each with random values, and with a word
// where a telling name stands before it.
func Corpus() []Secret {
	s := source{rand.New(rand.NewPCG(11, 6))}
	var all []Secret
	for i, t := range templates {
		values := []string{s.word(14), s.text(1, upper) + s.text(22, mixed) + "9z", "k" + s.text(4, lower) + s.text(3, digits) + "-" + s.text(6, mixed) + "_4"}
		if t.word {
			values = append(values, chosen[i%len(chosen)])
		}
		for _, v := range values {
			all = append(all, Secret{t.source, fmt.Sprintf(t.text, v), []string{v}})
		}
	}
	return all
}
