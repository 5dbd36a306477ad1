//go:build integration

package sandbox_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"muster/test/contract"
	"muster/test/need"
)

// motoDeviations is where moto 5.2.1 is known to differ from AWS, and how.
func motoDeviations() map[string]string {
	return map[string]string{
		// It ignores what it is sent: maxResults, attributes, filter, include.
		"ListClusters keeps to MaxResults and pages on":      "got a page of",
		"RegisterContainerInstance keeps attributes":         "attribute rack=r7: got false",
		"ListContainerInstances filters by ec2InstanceId":    "instances listed for another id: got 1",
		"DescribeContainerInstances tells health when asked": "overallStatus: got ,",
		// Its errors: a bare Python exception, none at all, EC2's.
		"RegisterContainerInstance refuses an unknown cluster with ClientException": "StatusCode: 500",
		"ListContainerInstances refuses an unknown cluster":                         "no error, want",
		"SetInstanceHealth refuses an unknown instance with ValidationError":        "InvalidInstanceID.NotFound",
		"DescribeTasks answers an unknown ARN with failure MISSING":                 "got 0 failures",
		"DescribeInstances names all unknown ids":                                   "The instance ID 'i-0000000000000",
		"GetManagedPrefixListEntries refuses an unknown list":                       "no error, want",
		// It does not implement these; the server answers with an HTML page.
		"RecordLifecycleActionHeartbeat is accepted while the instance waits": "StatusCode: 500",
		"CompleteLifecycleAction is accepted once":                            "StatusCode: 500",
		"SignalResource refuses an unknown stack with ValidationError":        "StatusCode: 500",
		"SignalResource is accepted by a stack that waits":                    "StatusCode: 500",

		// It speaks CloudWatch's query protocol alone; the SDK speaks rpc-v2-cbor.
		"PutMetricData is found again by GetMetricStatistics, what is sent twice counting twice": "StatusCode: 404",
		"PutMetricData of a thousand datums is accepted, compressed as the SDK does":             "StatusCode: 404",
		"PutMetricData keeps series with other dimensions apart":                                 "StatusCode: 404",
		"PutMetricData refuses what is no number":                                                "StatusCode: 404",
	}
}

func TestMotoKeepsTheContract(t *testing.T) {
	cfg := aws.Config{
		Region:       "eu-central-1",
		BaseEndpoint: aws.String(need.Moto(t)),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "moto", SecretAccessKey: "moto"}, nil
		}),
	}
	id := motoInstance(t, cfg)
	contract.Run(t, contract.Backend{
		Config:     cfg,
		InstanceID: id, IdentityDocument: fmt.Sprintf(`{"instanceId": %q}`, id),
		TagKey: "muster:cluster", TagValue: "prod",
		Group: "workers", Hook: "ready",
		Stack: "web", Resource: "Workers", // moto knows no signals, so none is prepared
		Exempt: motoDeviations(),
	})
}

// motoInstance makes a group of one and returns its instance.
func motoInstance(t *testing.T, cfg aws.Config) string {
	t.Helper()
	ctx, asg := t.Context(), connect(t, cfg).asg
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(asg.CreateLaunchConfiguration(ctx, &autoscaling.CreateLaunchConfigurationInput{
		LaunchConfigurationName: aws.String("workers"), InstanceType: aws.String("m5.large"),
		ImageId: aws.String("ami-12c6146b"), // one of moto's own
	}))
	must(asg.CreateAutoScalingGroup(ctx, &autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: aws.String("workers"), LaunchConfigurationName: aws.String("workers"),
		MinSize: aws.Int32(1), MaxSize: aws.Int32(1), AvailabilityZones: []string{cfg.Region + "a"},
		Tags: []types.Tag{{Key: aws.String("muster:cluster"), Value: aws.String("prod"), PropagateAtLaunch: aws.Bool(true),
			ResourceId: aws.String("workers"), ResourceType: aws.String("auto-scaling-group")}},
	}))
	must(asg.PutLifecycleHook(ctx, &autoscaling.PutLifecycleHookInput{
		AutoScalingGroupName: aws.String("workers"), LifecycleHookName: aws.String("ready"),
		LifecycleTransition: aws.String("autoscaling:EC2_INSTANCE_LAUNCHING"), HeartbeatTimeout: aws.Int32(600),
	}))
	out, err := asg.DescribeAutoScalingInstances(ctx, &autoscaling.DescribeAutoScalingInstancesInput{})
	must(out, err)
	if len(out.AutoScalingInstances) != 1 {
		t.Fatalf("moto launched %d instances, want 1", len(out.AutoScalingInstances))
	}
	return aws.ToString(out.AutoScalingInstances[0].InstanceId)
}
