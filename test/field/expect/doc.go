// Package expect compares muster's output with the expectations of a field case. It is pure: it takes text and JSON,
// and returns reasons. An empty list of reasons means that the output is correct.
//
//	answer := expect.Answer(stdout)            // "Cause: ...\n  why ...\n  fix ...\n"
//	expect.InAnswer("answer", answer, want)    // ["answer: want ecs.config:4 in: Cause: ..."]
package expect
