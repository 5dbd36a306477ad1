// Package bootstrap makes an EC2 instance join its ECS cluster and proves that it
// did. Configure runs in user data or before ecs.service and never waits for the
// ECS agent. Verify runs after it and does. Each is a readable list of phases, one
// file a phase:
//
//	Configure: find.go (the cluster) -> write.go (ecs.config) -> stale.go (agent.db) -> start.go (units)
//	Verify:    verify.go (the ECS agent) -> confirm.go (the ECS API) -> ports.go (the peers) -> conclude.go (signals)
//	On failure: hold.go (keep the agent from joining "default"), cause.go (the most likely cause)
//
// It does not watch the instance afterwards (package agent), does not evaluate
// ports (package reach), and leaves the checks to package check. It reaches
// everything outside through the small interfaces of host.go.
package bootstrap
