// Package herd boots a fleet of simulated instances at the same time, against one sandbox with the token buckets that
// AWS documents, and counts the results. It also computes how many calls a fleet makes in a day.
//
//	make herd
//
// Each instance runs the real code of muster bootstrap and muster verify in virtual time (testing/synctest). The pauses
// and the retries of the AWS SDK are real. Only the environment is simulated: the metadata service, the ECS agent's
// introspection API, and the time at which the agent registers and connects. All code is in the tests.
package herd
