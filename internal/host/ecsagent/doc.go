// Package ecsagent reads what the ECS agent on this instance reports about itself:
// its introspection endpoint, its checkpoint (agent.db) and its logs.
//
// The package only reads, except for SetAside, which renames. It does not cover what
// the ECS API or the Docker Engine report about the agent. It does not wait or retry:
// every call is one attempt.
//
// Facts about the agent come from amazon-ecs-agent v1.105.1; the comments name the
// source file.
//
// # Logs
//
// ReadLogs reads ecs-agent.log and ecs-init.log together, from their end. For example, a log contains this line:
//
//	level=error msg="Failed to connect to ACS" error="... dial ecs-a-1... : x509: certificate signed by unknown authority"
//
// The table of activities contains the start of the message: the agent tried to connect, so the effect is Connection.
// The table of rules contains the text: the cause is agent-tls-untrusted, with a summary and a fix. The line therefore
// explains why ECS shows an instance as disconnected. Both tables are data. For a new message add a line to
// activities.go or to one of the files rules_*.go, and a block to testdata/lines.txt, which holds real lines with their
// expected causes.
//
// The following rules select the line that explains the failure:
//
//   - A line about a task (image, role, secrets, metrics) is ignored. General signs, such as a timeout, a refusal or a
//     certificate, count only in a line that names a step done for the instance. The exception is a full disk of Docker.
//   - A success resolves earlier failures: a registration resolves all of them, "Registering Instance" those of the
//     start, "Connected to ACS" those of the connection. Options holds the successes that the caller knows and the log
//     may hide.
//   - The newest line counts. An error with neither a known step nor a known reason counts only if there is no older
//     line. A critical line always counts, because the agent usually exits after it. It is quoted if it is unknown.
//   - A failure that only impairs the agent (Telemetry, Function) is in Minor. It counts only if there is no other
//     failure and the instance is not registered.
//   - If the agent was stopped or killed after it had registered, the exit counts, not the lines before it.
//
// For example, with the oldest line first:
//
//	Registered; Failed to connect to ACS: x509                        agent-tls-untrusted, Connection
//	Registered; Failed to connect to ACS: x509; Connected to ACS      no failure
//	Error registering: Cluster not found; an unknown error            cluster-not-found
//	Error registering: Cluster not found; an unknown critical error   unrecognized
//	failed to pull image: no such host; Agent exited with code 137    no cause, ExitCode 137
package ecsagent
