// Package reach evaluates whether one network interface can reach another on the ports that a replicating server needs.
// It uses only security groups, network ACLs and route tables.
//
// This package contains the model (needs, rules, groups, ACLs, prefix lists, endpoints), the evaluation of one pair and
// of a matrix of many pairs, the port profiles of well-known servers, the fixes, and the messages. A need is a range of
// TCP or UDP ports.
//
// It does not contain the AWS SDK and the EC2 types (package awsapi maps them), the search for peers, probing, Docker,
// or the command line. Callers pass in plain values and get verdicts back. Data that could not be read is passed in as
// Unread and results in UNKNOWN, never in a closed port. ExampleJudge_Evaluate shows one pair from the rules to the
// fix.
package reach
