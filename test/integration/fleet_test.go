//go:build integration

package integration

import (
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	asgtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// A cluster of 12 instances in 3 zones with two services, built in moto with the calls that
// people build it with, is one screen at 80 and at 140 columns. moto starts no tasks for a
// service.
func TestAClusterInMotoIsOneScreen(t *testing.T) {
	environ, cfg := startMoto(t)
	buildCluster(t, cfg)
	for _, columns := range []int{80, 140} {
		cmd := exec.CommandContext(t.Context(), binary, "fleet", "--cluster", "grid", "--region", region)
		cmd.Env = append(environ, "PATH=/usr/bin:/bin", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "NO_COLOR=1",
			fmt.Sprintf("COLUMNS=%d", columns))
		data, err := cmd.CombinedOutput()
		out := string(data)
		t.Logf("%d columns: %v\n%s", columns, err, out)
		for line := range strings.Lines(out) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > columns && !strings.Contains(line, " aws ") {
				t.Errorf("a line of %d: %s", n, line)
			}
		}
		if n := strings.Count(out, "\n"); n > 50 {
			t.Errorf("%d lines are no screen", n)
		}
		for _, want := range []string{
			`^Warning: service cache runs 0 of 6 tasks\n`, `(?m)^cluster grid in ` + region + `: 12 instances, 2 services, 1`,
			region + "a ", region + "b ", region + "c ", `(?m)^cache +0/6 `, `(?m)^web +0/12 `, `(?m)^workers .* 12 `,
			`workers: \d{4}-\d\d-\d\dT06:00:00Z .* wake sets desired`,
		} {
			if !regexp.MustCompile(want).MatchString(out) {
				t.Errorf("%s is missing", want)
			}
		}
	}
}

// moto registers each instance with 4096 CPU units, 7482 MiB and five ports (moto/ecs/models.py, ContainerInstance), and
// with attributes for its zone and type. It starts no task, so everything is free.
func TestWhatFitsInMoto(t *testing.T) {
	environ, cfg := startMoto(t)
	buildCluster(t, cfg)
	fleet := ecs.NewFromConfig(cfg)
	for family, c := range map[string]types.ContainerDefinition{
		"half":  {Memory: aws.Int32(3741)},
		"big":   {Memory: aws.Int32(7483)},
		"soft":  {Memory: aws.Int32(7483), MemoryReservation: aws.Int32(2494)},
		"shell": {Memory: aws.Int32(64), PortMappings: []types.PortMapping{{ContainerPort: aws.Int32(22), HostPort: aws.Int32(22)}}},
		"front": {Memory: aws.Int32(64), PortMappings: []types.PortMapping{{ContainerPort: aws.Int32(80), HostPort: aws.Int32(80)}}},
	} {
		c.Name, c.Image = aws.String("app"), aws.String("nginx")
		must(fleet.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
			Family: &family, ContainerDefinitions: []types.ContainerDefinition{c},
		}))(t)
	}
	for _, c := range []struct {
		ask  string
		exit int
		want string
	}{
		{"half --count 24", 0, `half:1 in cluster grid in ` + region + `: all 24 copies fit\n`},
		{"half --count 25", 1, `(?s)24 of 25 copies fit\n.*Add 1 instance of type m5.large`},
		{"big", 1, `(?s)no copy fits\n.*needs 7483 MiB of memory, 7482 free`},
		{"soft --count 36", 0, `all 36 copies fit`},
		{"shell", 1, `(?s)no copy fits.*host port tcp/22 is in use`},
		{"front --count 12", 0, `(?s)all 12 copies fit.*` + region + `a +4 +4\n`},
		{"front --count 13", 1, `12 of 13 copies fit`},
		{"--service cache", 0, `service cache \(cache:1\) in cluster grid in ` + region + `: all 6 copies fit`},
		{"--service cach", 64, `did you mean cache`},
		{"bigg", 64, `did you mean big`},
	} {
		for _, columns := range []int{80, 140} {
			args := append([]string{"fit", "--cluster", "grid", "--region", region}, strings.Fields(c.ask)...)
			cmd := exec.CommandContext(t.Context(), binary, args...)
			cmd.Env = append(environ, "PATH=/usr/bin:/bin", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "NO_COLOR=1",
				fmt.Sprintf("COLUMNS=%d", columns))
			data, _ := cmd.CombinedOutput()
			out := string(data)
			if got := cmd.ProcessState.ExitCode(); got != c.exit || !regexp.MustCompile(c.want).MatchString(out) {
				t.Errorf("fit %s exited with %d, want %d with %s:\n%s", c.ask, got, c.exit, c.want, out)
			}
			for line := range strings.Lines(out) {
				if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > columns && !strings.Contains(line, " aws ") {
					t.Errorf("fit %s: a line of %d: %s", c.ask, n, line)
				}
			}
		}
	}
}

func buildCluster(t *testing.T, cfg aws.Config) {
	t.Helper()
	ctx, fleet, asg, vm := t.Context(), ecs.NewFromConfig(cfg), autoscaling.NewFromConfig(cfg), ec2.NewFromConfig(cfg)
	must(asg.CreateLaunchConfiguration(ctx, &autoscaling.CreateLaunchConfigurationInput{
		LaunchConfigurationName: aws.String("workers"), InstanceType: aws.String("m5.large"), ImageId: aws.String("ami-12c6146b"),
	}))(t)
	must(asg.CreateAutoScalingGroup(ctx, &autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: aws.String("workers"), LaunchConfigurationName: aws.String("workers"),
		MinSize: aws.Int32(0), MaxSize: aws.Int32(18), DesiredCapacity: aws.Int32(0),
		AvailabilityZones: []string{region + "a", region + "b", region + "c"},
		Tags: []asgtypes.Tag{{Key: aws.String("muster:cluster"), Value: aws.String("grid"), PropagateAtLaunch: aws.Bool(true),
			ResourceId: aws.String("workers"), ResourceType: aws.String("auto-scaling-group")}},
	}))(t)
	must(asg.PutScheduledUpdateGroupAction(ctx, &autoscaling.PutScheduledUpdateGroupActionInput{
		AutoScalingGroupName: aws.String("workers"), ScheduledActionName: aws.String("wake"), Recurrence: aws.String("0 6 * * *"),
		StartTime: aws.Time(time.Now().UTC().Truncate(24 * time.Hour).Add(54 * time.Hour)), DesiredCapacity: aws.Int32(12),
	}))(t)
	must(fleet.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: aws.String("grid")}))(t)
	for n := range 12 {
		run := must(vm.RunInstances(ctx, &ec2.RunInstancesInput{
			ImageId: aws.String("ami-12c6146b"), InstanceType: ec2types.InstanceTypeM5Large, MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
			Placement: &ec2types.Placement{AvailabilityZone: aws.String(region + string(rune('a'+n%3)))},
		}))(t)
		id := aws.ToString(run.Instances[0].InstanceId)
		must(
			asg.AttachInstances(
				ctx,
				&autoscaling.AttachInstancesInput{AutoScalingGroupName: aws.String("workers"), InstanceIds: []string{id}},
			),
		)(
			t,
		)
		document := fmt.Sprintf(`{"instanceId": %q, "region": %q}`, id, region)
		must(fleet.RegisterContainerInstance(ctx, &ecs.RegisterContainerInstanceInput{
			Cluster: aws.String("grid"), InstanceIdentityDocument: &document,
		}))(t)
	}
	for name, desired := range map[string]int32{"web": 12, "cache": 6} {
		must(
			fleet.RegisterTaskDefinition(
				ctx,
				&ecs.RegisterTaskDefinitionInput{Family: aws.String(name), ContainerDefinitions: []types.ContainerDefinition{{
					Name: aws.String("app"), Image: aws.String("nginx"), Memory: aws.Int32(64), Cpu: 10,
				}}},
			),
		)(
			t,
		)
		must(fleet.CreateService(ctx, &ecs.CreateServiceInput{
			Cluster: aws.String("grid"), ServiceName: aws.String(name), TaskDefinition: aws.String(name), DesiredCount: aws.Int32(desired),
		}))(t)
	}
}
