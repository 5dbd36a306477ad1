package awsapi

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

// PollEndpoints are where ECS wants its agent to connect to, as URLs.
type PollEndpoints struct{ Agent, Telemetry string }

// PollEndpoints asks what the ECS agent asks before each connection: the whole
// path to ECS in one call that changes nothing.
func (c *Client) PollEndpoints(ctx context.Context, cluster string) (PollEndpoints, error) {
	out, err := c.ecs.DiscoverPollEndpoint(ctx, &ecs.DiscoverPollEndpointInput{Cluster: aws.String(cluster)})
	if err != nil {
		return PollEndpoints{}, named("ecs:DiscoverPollEndpoint", err)
	}
	return PollEndpoints{aws.ToString(out.Endpoint), aws.ToString(out.TelemetryEndpoint)}, nil
}

// ECSEndpoint is where the SDK finds ECS, as a URL: partitions, FIPS, dual stack
// and AWS_ENDPOINT_URL are its business.
func (c *Client) ECSEndpoint(ctx context.Context) (string, error) {
	o := c.ecs.Options()
	if o.Region == "" && o.BaseEndpoint == nil {
		return "", errors.New("finding the endpoint of ECS: the region is not known")
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
