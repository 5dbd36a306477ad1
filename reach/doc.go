// Package reach judges, from security groups and network ACLs alone, whether one
// network interface can reach another on the ports that a replicating server needs.
//
// Here live the model (needs, rules, groups, ACLs, prefix lists, endpoints), the
// tolerant decoders of the EC2 shapes, the judge of one pair, the matrix over
// many, the profiles of well-known servers, and the sentences that say it all to
// a person. Needs are tcp or udp.
//
// Not here: the AWS SDK, who the peers are, dialling, Docker, the command line.
// They hand plain values in and take verdicts out. What could not be read is
// handed in as Unread and comes out as UNKNOWN, never as a closed port.
package reach
