// Package crashloop is the one rule by which a container is in a crash loop: three
// unexpected exits within half an hour, until half an hour passes without another. A
// program that dies five minutes after its start is in a loop, and so is a service that
// crashes once a minute on six hosts. The agent applies the rule to events as they come,
// the check of the containers to the exits that Docker still remembers.
//
// Which exits are unexpected is not decided here.
package crashloop

import (
	"fmt"
	"slices"
	"time"
)

const (
	// Exits is how many unexpected exits make a loop.
	Exits = 3
	// Window is how long these may take, and how long it must then be quiet for the
	// loop to be over.
	Window = 30 * time.Minute
)

// Says is the rule in words, for a person.
func Says() string { return fmt.Sprintf("%d unexpected exits within %dm", Exits, Window/time.Minute) }

// On says whether these unexpected exits, of one container name, are a loop that is
// not over at now, and how many exits it has had.
func On(exits []time.Time, now time.Time) (n int, on bool) {
	sorted := slices.SortedFunc(slices.Values(exits), time.Time.Compare)
	var recent []time.Time // of one bout: no quiet window lies between them
	for _, at := range sorted {
		if len(recent) > 0 && at.Sub(recent[len(recent)-1]) >= Window {
			recent, on = nil, false
		}
		recent = append(recent, at)
		if k := len(recent) - Exits; k >= 0 && at.Sub(recent[k]) <= Window {
			on = true
		}
	}
	if len(recent) == 0 || now.Sub(recent[len(recent)-1]) >= Window {
		return 0, false
	}
	return len(recent), on
}
