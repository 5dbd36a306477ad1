// Package sandbox is an EC2 instance on loopback: IMDSv2, AWS services (ECS, EC2,
// Auto Scaling, CloudFormation, CloudWatch, EventBridge) in the wire protocols
// that aws-sdk-go-v2 speaks, and an ECS agent that starts, registers or fails by the
// rules of the real one. It carries the demo and the tests.
//
// What does not live here: any decision that something works. The package holds
// state, speaks protocols, logs what it was asked and misbehaves on request; its
// own truthfulness is held to the suite in the contract folder, which runs
// unchanged against moto.
//
// One file holds one service: a function returning a *service with its actions.
// A new service is such a file and a line in services.
package sandbox
