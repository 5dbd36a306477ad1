package awsapi

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// PollEndpoints holds the URLs that the ECS agent should connect to.
type PollEndpoints struct{ Agent, Telemetry string }

// PollEndpoints makes the same call as the ECS agent before each connection. It tests the whole path to ECS without
// changing anything.
func (c *Client) PollEndpoints(ctx context.Context, cluster string) (PollEndpoints, error) {
	out, err := c.ecs.DiscoverPollEndpoint(ctx, &ecs.DiscoverPollEndpointInput{Cluster: aws.String(cluster)})
	if err != nil {
		return PollEndpoints{}, named("ecs:DiscoverPollEndpoint", err)
	}
	return PollEndpoints{aws.ToString(out.Endpoint), aws.ToString(out.TelemetryEndpoint)}, nil
}

// ECSEndpoint returns the URL of the ECS endpoint that the SDK uses. The SDK handles partitions, FIPS, dual stack and
// AWS_ENDPOINT_URL.
func (c *Client) ECSEndpoint(ctx context.Context) (string, error) {
	o := c.ecs.Options()
	if o.Region == "" && o.BaseEndpoint == nil {
		return "", errors.New("finding the endpoint of ECS: region unknown")
	}
	at, err := o.EndpointResolverV2.ResolveEndpoint(ctx, ecs.EndpointParameters{
		Region: aws.String(o.Region), Endpoint: o.BaseEndpoint,
		UseDualStack: aws.Bool(o.EndpointOptions.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled),
		UseFIPS:      aws.Bool(o.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled),
	})
	if err != nil {
		return "", fmt.Errorf("finding the endpoint of ECS: %w", err)
	}
	return at.URI.String(), nil
}
