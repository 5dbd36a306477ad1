// Package metrics publishes an agent's minutes to CloudWatch, each at most once.
// A Builder makes a Minute, of one datum a series; a Publisher keeps minutes on
// disk until they are sent. What is counted, and when a minute is over, is its
// caller's business.
//
// PutMetricData is not idempotent: it has no client token, and what is sent twice
// counts twice in Sum and SampleCount. So before each request the publisher notes on
// disk how far it will have come; only when the data were certainly not taken does it
// take that back. awsapi.PutMetricData says why an answer is certain, with sources.
//
//	what happens                                         taken?     what is done
//	no address, no connection, no TLS, no credentials    no         kept, tried again with backoff
//	5xx or reset before the whole request was sent       no         kept, tried again with backoff
//	throttled (any status), 429, 403, expired, skew      no         kept, tried again with backoff
//	400 for what is in it                                no         halved; a lone datum dropped: Invalid
//	413                                                  no         halved; a lone datum dropped: Invalid
//	all was sent, and no answer: reset, timeout          maybe      dropped: Ambiguous
//	half an answer of 200, or one that comes too late    likely     dropped: Ambiguous
//	5xx after the whole request was sent                 maybe      dropped: Ambiguous
//	kill -9 between the note on disk and the answer      maybe      lost, uncounted: that request's data
//
// After an ambiguous answer the next request carries a single datum, and the
// size doubles as long as things go well: a CloudWatch that fails for a day
// costs one datum a try and not a minute.
//
// Requests are sent once a minute, at a second of the instance's own; what has
// piled up follows in order, a second or two apart; failures are followed by
// pauses with full jitter of up to five minutes. A fleet is never in step.
//
// # The spool
//
// One process publishes from a spool: the one that holds a lock (flock) on its
// directory. Another waits, discards its own minutes, and takes over when the first
// ends. A directory that is not there, and cannot be made, leaves memory.
//
//	what happens                                       what is done
//	the bytes of a minute prove damage                 set aside as *.damaged, eight at most: Damaged
//	no descriptor, no memory                           nothing is touched until the next turn
//	a file cannot be read: permission, I/O             passed over, tried again each turn, for two weeks
//	the progress or the listing cannot be read         no file is touched; new minutes are sent from memory
//	the checksum of the progress is wrong              the oldest minute is dropped: Ambiguous
//	the progress cannot be written                     no file is sent; new minutes are sent from memory
//	a file or the directory was removed                counted: Damaged
//
// # The clock
//
// A minute that is not later than the last one is dropped (Late). The last one is
// forgotten if it is more than a minute later than the clock: then the clock was
// corrected. So a clock that was ahead by hours costs no minute afterwards, but the
// minutes that were published with its labels get a second sample when the clock
// comes there. What was published before the clock jumped ahead is not forgotten. Minutes that wait with such labels give way to the real ones (Future).
// Minutes that CloudWatch would refuse, of more than two hours ahead or two weeks ago,
// wait for an hour, since the clock may be what is wrong, and are dropped then (Future,
// TooOld). Periods are measured on the monotonic clock.
package metrics
