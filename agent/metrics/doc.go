// Package metrics brings an agent's minutes to CloudWatch, each at most once.
// A Builder makes a Minute, of one datum a series; a Publisher keeps minutes on
// disk until they are sent. What is counted, and when a minute is over, is its
// caller's business.
//
// PutMetricData is not idempotent: what is sent twice counts twice in Sum and
// SampleCount. So before each request the publisher writes down, on disk, how
// far it will have come; only when the data were certainly not taken does it
// take that back.
//
//	what happens                                         taken?     what is done
//	no address, no connection, no TLS, no credentials    no         kept, tried again with backoff
//	400 throttled, 429, 403, expired token, clock skew   no         kept, tried again with backoff
//	400 for what is in it                                no         halved; a lone datum dropped: Invalid
//	413                                                  no         halved; a lone datum dropped: Invalid
//	connected, and no answer: reset, timeout             maybe      dropped: Ambiguous
//	half an answer of 200, or one that comes too late    likely     dropped: Ambiguous
//	5xx                                                  maybe      dropped: Ambiguous
//	kill -9 between the note on disk and the answer      maybe      lost, uncounted: that request's data
//
// After an ambiguous answer the next request carries a single datum, and the
// size doubles as long as things go well: a CloudWatch that fails for a day
// costs one datum a try and not a minute.
//
// Requests leave once a minute, at a second of the instance's own; what has
// piled up follows in order, a second or two apart; failures are followed by
// pauses with full jitter of up to five minutes. A fleet is never in step.
//
// A wall clock that goes back repeats minutes. None is published twice: those
// not later than the last one handed over are dropped (Late), so that a clock
// that jumps ahead by an hour and back loses that hour. Minutes that CloudWatch
// refused for being in the future do not count as handed over.
package metrics
