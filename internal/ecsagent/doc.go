// Package ecsagent reads what the ECS agent on this instance says of itself:
// its introspection endpoint, its checkpoint (agent.db) and its logs.
//
// It asks, reads and, only in SetAside, renames. What the ECS API or the Docker
// Engine say about the agent lives elsewhere, and so does waiting: every call
// here is one attempt.
//
// Facts about the agent are those of amazon-ecs-agent v1.105.1; the comments
// name the file they were read from.
package ecsagent
