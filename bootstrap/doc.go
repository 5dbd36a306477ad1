// Package bootstrap makes an EC2 instance join its ECS cluster and verifies that it did. Configure runs in user data or
// before ecs.service, and never waits for the ECS agent. Verify runs after ecs.service has started, and waits for the
// agent. Each is a short list of phases, with one file per phase:
//
//	Configure: find.go (the cluster) -> write.go (ecs.config) -> stale.go (agent.db) -> start.go (units)
//	Verify:    verify.go (the ECS agent) -> confirm.go (the ECS API) -> ports.go (the peers) -> conclude.go (signals)
//	On failure: hold.go (keep the agent from joining "default"), cause.go (the most likely cause)
//
// Package agent watches the instance afterwards, package reach evaluates ports, and package check contains the checks.
// This package accesses everything outside through the small interfaces in host.go.
package bootstrap
