package main

import (
	"context"
	"fmt"
	"time"

	"muster/internal/awsapi"
	"muster/internal/sandbox"
)

// laptop shows the cluster of noRoom with muster fleet, and then why a task does not fit.
func laptop(s *stage) error {
	s.comment("The service web runs 3 of 4 tasks. Below the verdict stand what ECS says, and the command that explains it.")
	if err := s.cramped(); err != nil {
		return err
	}
	s.env = append(s.env, "COLUMNS=100")
	if err := s.muster(1, "fleet", "--cluster", "prod"); err != nil {
		return err
	}
	s.comment("This is the command of the fix.")
	return s.muster(1, "fit", "--service", "web", "--cluster", "prod")
}

// noRoom shows muster fit in a cramped cluster.
func noRoom(s *stage) error {
	if err := s.cramped(); err != nil {
		return err
	}
	s.env = append(s.env, "COLUMNS=100")
	return s.types("muster fit --service web --cluster prod", 1, false, "fit", "--service", "web", "--cluster", "prod")
}

// cramped has three instances, on none of which another copy of the service web fits. Its tasks use less than a third of
// what they reserve.
func (s *stage) cramped() error {
	s.workers(3)
	s.fleet(3, -1)
	s.box.AddTaskDefinition(sandbox.TaskDefinition{Family: "web", Revision: 41, CPU: "512", Containers: []sandbox.ContainerDefinition{
		{Name: "app", Memory: 4096}}})
	s.box.EditService("prod", "cache", func(svc *sandbox.Service) { svc.DesiredCount = 3 })
	first := s.box.ContainerInstances("prod")[0].Arn
	s.box.EditService("prod", "web", func(svc *sandbox.Service) {
		svc.DesiredCount, svc.RunningCount = 4, 3
		svc.Events = []sandbox.ServiceEvent{{ID: "1", CreatedAt: sandbox.Epoch{Time: holidays},
			Message: "(service web) was unable to place a task " +
				"because no container instance met all of its requirements. The closest matching container-instance " + first[len(first)-32:] +
				" has insufficient memory available."}}
	})
	of := []awsapi.Dimension{{Name: "ClusterName", Value: "prod"}, {Name: "ServiceName", Value: "web"}}
	for hours := range 7 * 24 {
		at := time.Now().Add(-time.Duration(hours) * time.Hour)
		if err := awsapi.FromConfig(s.box.AWSConfig()).PutMetricData(context.Background(), "Muster", at, []awsapi.Datum{
			{Name: "MemoryUsed", Unit: "Percent", Dimensions: of, Value: 20 + float64(hours%11)},
			{Name: "CPUThrottled", Unit: "Percent", Dimensions: of, Value: float64(hours % 3)}}); err != nil {
			return fmt.Errorf("publishing what the tasks used: %w", err)
		}
	}
	return nil
}
