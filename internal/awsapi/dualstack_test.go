package awsapi

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"muster/internal/host/netpath"
)

// The host names are from "Using Amazon ECS dual-stack endpoints" in the ECS developer guide, and from the China
// partition in the SDK.
func TestIPv6OnlyHostUsesDualStackEndpoints(t *testing.T) {
	for host, want := range map[netpath.Families]map[string]string{
		{V6: true}:           {"eu-west-1": "https://ecs.eu-west-1.api.aws", "cn-north-1": "https://ecs.cn-north-1.api.amazonwebservices.com.cn"},
		{V4: true, V6: true}: {"eu-west-1": "https://ecs.eu-west-1.amazonaws.com", "cn-north-1": "https://ecs.cn-north-1.amazonaws.com.cn"},
		{}:                   {"eu-west-1": "https://ecs.eu-west-1.amazonaws.com"},
	} {
		for region, endpoint := range want {
			c := FromConfig(aws.Config{Region: region, ConfigSources: sources(nil, host)})
			if got, err := c.ECSEndpoint(t.Context()); got != endpoint || err != nil {
				t.Errorf("%+v in %s: %s, %v; want %s", host, region, got, err, endpoint)
			}
		}
	}
}
