// Package metrics publishes an agent's minutes to CloudWatch, each at most once. A Builder makes a Minute with one data
// point per series. A Publisher keeps minutes on disk until they are sent. The caller decides what is counted and when
// a minute ends.
//
// PutMetricData is not idempotent: it has no client token, and data that is sent twice counts twice in Sum and
// SampleCount. Therefore the publisher records its progress on disk before each request. It undoes that only if
// CloudWatch certainly did not accept the data. awsapi.PutMetricData documents when a response is certain, with
// sources.
//
//	what happens                                         accepted?  what is done
//	no address, no connection, no TLS, no credentials    no         kept, retried with backoff
//	5xx or reset before the whole request was sent       no         kept, retried with backoff
//	throttled (any status), 429, 403, expired, skew      no         kept, retried with backoff
//	400 for its content                                  no         halved; a single data point is dropped: Invalid
//	413                                                  no         halved; a single data point is dropped: Invalid
//	all was sent, and no response: reset, timeout        maybe      dropped: Ambiguous
//	half a response of 200, or one that is too late      likely     dropped: Ambiguous
//	5xx after the whole request was sent                 maybe      dropped: Ambiguous
//	kill -9 between the record on disk and the response  maybe      lost, uncounted: that request's data
//
// After an ambiguous response the next request carries a single data point, and the size doubles with each success. A
// CloudWatch that fails for a day therefore costs one data point per attempt, not one minute.
//
// Requests are sent once a minute, at a second that depends on the instance. Queued minutes follow in order, one or two
// seconds apart. After failures the publisher pauses for up to five minutes, with full jitter. The instances of a fleet
// therefore do not send at the same time.
//
// # The spool
//
// Only one process publishes from a spool: the one that holds a lock (flock) on its directory. Another process waits,
// discards its own minutes, and takes over when the first one ends. If the directory is missing and cannot be created,
// minutes are kept in memory.
//
//	what happens                                       what is done
//	the bytes of a minute prove damage                 set aside as *.damaged, eight at most: Damaged
//	no descriptor, no memory                           nothing is changed until the next turn
//	a file cannot be read: permission, I/O             skipped and retried in each turn, for two weeks
//	the progress or the listing cannot be read         no file is changed; new minutes are sent from memory
//	the checksum of the progress is wrong              the oldest minute is dropped: Ambiguous
//	the progress cannot be written                     no file is sent; new minutes are sent from memory
//	a file or the directory was removed                counted: Damaged
//
// # The clock
//
// A minute that is not later than the last one is dropped (Late). The last one is forgotten if it is more than a minute
// later than the clock, because that means that the clock was corrected. A clock that was hours ahead therefore costs
// no minute afterwards. However, the minutes that were published with its timestamps get a second sample when the clock
// reaches them. What was published before the clock jumped ahead is not forgotten. Queued minutes with such timestamps
// are replaced by the real ones (Future).
//
// Minutes that CloudWatch would reject, because they are more than two hours ahead or two weeks old, wait for an hour,
// because the clock may be wrong. Then they are dropped (Future, TooOld). Durations are measured on the monotonic
// clock.
package metrics
