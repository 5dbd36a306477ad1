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

// motoDeviations lists the known differences between moto 5.2.1 and AWS.
func motoDeviations() map[string]string {
	return map[string]string{
		// moto ignores these parameters: maxResults, attributes, filter, include.
		"ListClusters honors MaxResults and returns further pages": "got a page of",
		"RegisterContainerInstance keeps attributes":               "attribute rack=r7: got false",
		"ListContainerInstances filters by ec2InstanceId":          "instances listed for another id: got 1",
		"DescribeContainerInstances returns health on request":     "overallStatus: got ,",
		"DescribeServices rejects more than ten services":          "no error, want",
		"DescribeScalingActivities rejects an unknown group":       "no error, want",
		"RegisterContainerInstance keeps resources and versions":   "registered CPU: got 4096, want 2048", // always its own
		// moto returns other errors: a Python exception, none, or those of EC2.
		"RegisterContainerInstance rejects an unknown cluster with ClientException": "StatusCode: 500",
		"ListContainerInstances rejects an unknown cluster":                         "no error, want",
		"SetInstanceHealth rejects an unknown instance with ValidationError":        "InvalidInstanceID.NotFound",
		"DescribeTasks returns failure MISSING for an unknown ARN":                  "got 0 failures",
		"DescribeInstances names all unknown ids":                                   "The instance ID 'i-0000000000000",
		"GetManagedPrefixListEntries rejects an unknown list":                       "no error, want",
		// moto does not implement these actions, and returns an HTML page.
		"RecordLifecycleActionHeartbeat is accepted while the instance waits": "StatusCode: 500",
		"CompleteLifecycleAction is accepted once":                            "StatusCode: 500",
		"SignalResource rejects an unknown stack with ValidationError":        "StatusCode: 500",
		"SignalResource is accepted by a waiting stack":                       "StatusCode: 500",

		// moto supports only CloudWatch's query protocol; the SDK uses rpc-v2-cbor.
		"GetMetricStatistics returns data of PutMetricData, and counts repeated data twice": "StatusCode: 404",
		"PutMetricData accepts a thousand datums, compressed by the SDK":                    "StatusCode: 404",
		"PutMetricData separates series with different dimensions":                          "StatusCode: 404",
		"PutMetricData rejects NaN": "StatusCode: 404",
	}
}

func TestMotoMeetsTheContract(t *testing.T) {
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
		Stack: "web", Resource: "Workers", // moto supports no signals, so none is prepared
		Exempt: motoDeviations(),
	})
}

// motoInstance creates a group with one instance, and returns the instance.
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
		ImageId: aws.String("ami-12c6146b"), // built into moto
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
