package awsapi

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// StoppedTask is a stopped task with the reason that ECS returned. ECS keeps it for an hour.
type StoppedTask struct {
	ARN, Group string // Group is service:NAME, family:NAME, or what RunTask was given
	StopCode   string // TaskFailedToStart, EssentialContainerExited, UserInitiated, ...; empty if ECS gave none
	Reason     string // stoppedReason
	StoppedAt  time.Time
	Containers []StoppedContainer
}

// StoppedContainer is a container of a StoppedTask.
type StoppedContainer struct {
	Name, Reason string
	ExitCode     *int // nil if it did not run
}

// StoppedTasks describes why tasks stopped, by ARN. It omits running tasks and tasks that no longer exist.
func (c *Client) StoppedTasks(ctx context.Context, cluster string, arns []string) ([]StoppedTask, error) {
	return batched(arns, MaxDescribed, func(batch []string) ([]StoppedTask, error) {
		out, err := c.ecs.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: aws.String(cluster), Tasks: batch})
		if err != nil {
			return nil, named("ecs:DescribeTasks", err)
		}
		var stopped []StoppedTask
		for _, t := range out.Tasks {
			if aws.ToString(t.DesiredStatus) != "STOPPED" {
				continue
			}
			s := StoppedTask{ARN: aws.ToString(t.TaskArn), Group: aws.ToString(t.Group), StopCode: string(t.StopCode),
				Reason: aws.ToString(t.StoppedReason), StoppedAt: aws.ToTime(t.StoppedAt)}
			for _, k := range t.Containers {
				one := StoppedContainer{Name: aws.ToString(k.Name), Reason: aws.ToString(k.Reason)}
				if k.ExitCode != nil {
					code := int(*k.ExitCode)
					one.ExitCode = &code
				}
				s.Containers = append(s.Containers, one)
			}
			stopped = append(stopped, s)
		}
		return stopped, nil
	})
}
