// Package sandbox simulates an EC2 instance on loopback: IMDSv2, AWS services (ECS, EC2, Auto Scaling, CloudFormation,
// CloudWatch, EventBridge) in the wire protocols of aws-sdk-go-v2, and an ECS agent that starts, registers or fails like
// the real one. The demo and the tests use it.
//
// The package holds state, speaks protocols, logs requests and injects faults. It does not decide whether muster works.
// The suite in test/contract verifies its behavior, and runs unchanged against moto.
//
// Each service has one file with a function that returns a *service with its actions. A new service needs such a file
// and a line in services.
package sandbox
