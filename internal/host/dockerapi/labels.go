package dockerapi

// ecsLabels is the prefix of the labels that ECS sets.
const ecsLabels = "com.amazonaws.ecs."

// Labels that the ECS agent sets on the containers of a task (agent/engine/docker_task_engine.go, labelPrefix).
const (
	LabelCluster   = ecsLabels + "cluster" // name or ARN, as configured for the ECS agent
	LabelTask      = ecsLabels + "task-arn"
	LabelContainer = ecsLabels + "container-name" // name in the task definition
	LabelFamily    = ecsLabels + "task-definition-family"
	LabelRevision  = ecsLabels + "task-definition-version"
)
