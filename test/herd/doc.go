// Package herd boots a fleet of simulated instances at once, against one sandbox with the token
// buckets that AWS documents, and counts what becomes of them. It also computes what a day of the
// fleet costs in calls.
//
//	make herd
//
// Each instance runs the real code of muster bootstrap and muster verify, with the real pauses and
// the retries of the AWS SDK, in virtual time (testing/synctest). What is simulated is the outside:
// the metadata service, the ECS agent's introspection, and the time at which the agent registers
// and connects. Everything is in the tests.
package herd
