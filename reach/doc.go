// Package reach evaluates whether one network interface can reach another on the
// ports that a replicating server needs, from security groups and network ACLs alone.
//
// The model lives here (needs, rules, groups, ACLs, prefix lists, endpoints), with
// the evaluation of one pair, the matrix over many, the profiles of well-known
// servers, the fixes, and the sentences that people read. Needs are tcp or udp.
//
// Not here: the AWS SDK and EC2's shapes (package awsapi maps them), how peers are
// found, probing, Docker, the command line. Callers pass plain values in and get
// verdicts out. What could not be read is passed in as Unread and becomes UNKNOWN,
// never a closed port. ExampleJudge_Evaluate shows one pair from rules to fix.
package reach
