// Package bootstrap makes an EC2 instance report for duty in its ECS cluster
// and proves that it did. Configure runs in user data or before ecs.service
// and never waits for the ECS agent; Verify runs after it and does. Each is a
// readable list of phases, one file a phase.
//
// It does not watch the instance afterwards (package agent) and does not know
// how a port is judged (package reach). What it needs of the world it asks for
// through the small interfaces of host.go.
package bootstrap
