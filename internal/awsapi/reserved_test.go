package awsapi

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// API reference, ContainerDefinition: "If you specify memoryReservation, then that value is subtracted from the available
// memory resources for the container instance where the container is placed. Otherwise, the value of memory is used."
// Its example is a container with a reservation of 128 MiB and a limit of 300 MiB. A task size replaces both (developer
// guide, task definition parameters, task size).
func TestWhatATaskReservesAndWhatLimitsIt(t *testing.T) {
	container := func(cpu, memory, reservation int32) types.ContainerDefinition {
		c := types.ContainerDefinition{Cpu: cpu}
		if memory > 0 {
			c.Memory = &memory
		}
		if reservation > 0 {
			c.MemoryReservation = &reservation
		}
		return c
	}
	for name, c := range map[string]struct {
		size                 string // of the task
		containers           []types.ContainerDefinition
		cpu, reserved, limit int
	}{
		"AWS's example":              {"", []types.ContainerDefinition{container(10, 300, 128)}, 10, 128, 300},
		"a limit only":               {"", []types.ContainerDefinition{container(10, 300, 0)}, 10, 300, 300},
		"a reservation only":         {"", []types.ContainerDefinition{container(10, 0, 128)}, 10, 128, 0},
		"two containers":             {"", []types.ContainerDefinition{container(10, 300, 128), container(20, 500, 0)}, 30, 628, 800},
		"one of two without a limit": {"", []types.ContainerDefinition{container(10, 300, 128), container(20, 0, 64)}, 30, 192, 0},
		"a task size":                {"1024", []types.ContainerDefinition{container(10, 0, 128), container(20, 300, 0)}, 1024, 1024, 1024},
		"limits below the task size": {"1024", []types.ContainerDefinition{container(10, 300, 128)}, 1024, 1024, 300},
		"limits above the task size": {"1024", []types.ContainerDefinition{container(10, 900, 0), container(10, 900, 0)}, 1024, 1024, 1024},
	} {
		d := &types.TaskDefinition{ContainerDefinitions: c.containers}
		if c.size != "" {
			d.Cpu, d.Memory = aws.String(c.size), aws.String(c.size)
		}
		got := definition(d)
		if got.Task.Needs.CPU != c.cpu || got.Task.Needs.Memory != c.reserved || got.MemoryLimit != c.limit {
			t.Errorf("%s: reserves %d CPU units and %d MiB, limit %d MiB; want %d, %d and %d", name,
				got.Task.Needs.CPU, got.Task.Needs.Memory, got.MemoryLimit, c.cpu, c.reserved, c.limit)
		}
	}
}
