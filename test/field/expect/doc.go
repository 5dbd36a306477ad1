// Package expect compares what muster printed with what a field case expects of
// it. It is pure: text and JSON in, reasons out. An empty list of reasons means
// right.
//
//	answer := expect.Answer(stdout)            // "Cause: ...\n  why ...\n  fix ...\n"
//	expect.InAnswer("answer", answer, want)    // ["answer: want ecs.config:4 in: Cause: ..."]
package expect
