// Package crashloop defines when a container is in a crash loop: after three unexpected exits within half an hour,
// until half an hour passes without another one. This covers both a program that crashes five minutes after each start
// and a service that crashes once a minute on six hosts. The agent applies the rule to events as they arrive. The
// containers check applies it to the exits that Docker still has on record.
//
// This package does not decide which exits are unexpected.
package crashloop

import (
	"fmt"
	"slices"
	"time"
)

const (
	// Exits is the number of unexpected exits that make a crash loop.
	Exits = 3
	// Window is the maximum time between the first and the last of these exits. It is also the time without an exit
	// after which the loop is over.
	Window = 30 * time.Minute
)

// Says returns the rule as text for a person.
func Says() string { return fmt.Sprintf("%d unexpected exits within %dm", Exits, Window/time.Minute) }

// On reports whether the unexpected exits of one container name are a crash loop that is still active at now, and how
// many exits belong to it.
func On(exits []time.Time, now time.Time) (n int, on bool) {
	sorted := slices.SortedFunc(slices.Values(exits), time.Time.Compare)
	var recent []time.Time // exits with less than Window between consecutive ones
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
