package fleet_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"muster/internal/base/balancer"
	"muster/reach"
)

// authorize applies an ingress fix as the printed AWS CLI command would.
func authorize(t *testing.T, cfg aws.Config, f reach.Fix) {
	t.Helper()
	var permissions []types.IpPermission
	for _, r := range f.Ports {
		permissions = append(permissions, types.IpPermission{
			IpProtocol: aws.String("tcp"), FromPort: aws.Int32(int32(r.First)), ToPort: aws.Int32(int32(r.Last)),
			UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: aws.String(f.Peer.Group.ID)}},
		})
	}
	_, err := ec2.NewFromConfig(cfg).AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: aws.String(f.Group), IpPermissions: permissions,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// refs are the load balancers of a setting.
func refs(text string) []balancer.Ref {
	all, err := balancer.Parse(text)
	if err != nil {
		panic(err)
	}
	return all
}
