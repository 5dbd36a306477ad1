// Package ecsagent reads what the ECS agent on this instance says of itself:
// its introspection endpoint, its checkpoint (agent.db) and its logs.
//
// It asks, reads and, only in SetAside, renames. What the ECS API or the Docker
// Engine say about the agent lives elsewhere, and so does waiting: every call
// here is one attempt.
//
// Facts about the agent are those of amazon-ecs-agent v1.105.1; the comments
// name the file they were read from.
//
// # Logs
//
// ReadLogs reads ecs-agent.log and ecs-init.log as one story, from its end. Take
//
//	level=error msg="Failed to connect to ACS" error="websocket client: unable to dial ecs-a-1... : x509: certificate signed by unknown authority"
//
// Its beginning is in the table of activities: the agent tried to connect, and a
// failure of that has the effect Connection. Its text is in the table of rules: the
// cause agent-tls-untrusted, with a sentence and a fix. So the line explains why ECS
// shows an instance as disconnected. Both tables are data: a new message is a new
// line in activities.go or in one of the files rules_*.go, and a block in
// testdata/lines.txt, which holds real lines and what becomes of them.
//
// Which line is the trouble:
//
//   - A line about a task is none: its image, role, secrets or metrics. The signs of
//     general trouble (a timeout, a refusal, a certificate) count only in a line that
//     says what was being done for the instance. The one exception is a full disk
//     of Docker, which is the instance's.
//   - A success ends what came before it: a registration ends all, "Registering
//     Instance" the trouble of starting, "Connected to ACS" that of the connection.
//     The caller knows successes that the log may hide (Options).
//   - The newest line counts. Only an error that tells neither what was being done
//     nor a known reason gives way to an older line that does. A critical line does
//     not: the agent usually ends with it, so it is quoted even if it is unknown.
//   - What only impairs (Telemetry, Function) stands Beside, and is the trouble
//     only where nothing else is and the instance is not registered.
//   - When the agent was stopped or killed after it had been registered, its last
//     lines are no cause: the exit is.
//
// | lines, oldest first | trouble |
// |---|---|
// | Registered; Failed to connect to ACS: x509 | agent-tls-untrusted, Connection |
// | Registered; Failed to connect to ACS: x509; Connected to ACS | none |
// | Error registering: Cluster not found; unknown error | cluster-not-found |
// | Error registering: Cluster not found; unknown critical error | unrecognized |
// | failed to pull image: no such host; Agent exited with code 137 | none, ExitCode 137 |
package ecsagent
