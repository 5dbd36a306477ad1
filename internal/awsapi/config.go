package awsapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	sdkimds "github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/smithy-go/logging"

	"muster/internal/imds"
	"muster/internal/netpath"
)

// load is the SDK's own configuration (environment, shared files, and every way to
// get credentials that the AWS CLI knows) with muster's bounds on time and retries.
// The credentials of the instance's role come through the metadata service at
// imdsEndpoint; an empty one is the real one.
func load(ctx context.Context, region, imdsEndpoint string) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithRegion(region), // an empty one leaves it to the environment and the profile
		config.WithHTTPClient(httpClient()),
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = maxAttempts, maxBackoff })
		}),
		config.WithLogger(logging.Nop{}), // its warnings would stand among our lines
		config.WithEC2RoleCredentialOptions(func(o *ec2rolecreds.Options) { o.Client = sdkimds.New(imds.Options(imdsEndpoint)) }),
	)
	if err != nil {
		return cfg, explained(err)
	}
	cfg.ConfigSources = sources(cfg.ConfigSources, netpath.Prober{}.Families())
	return cfg, nil
}

// explained names the setting that the SDK's errors leave out.
func explained(err error) error {
	var absent config.SharedConfigProfileNotExistError
	switch bundle := os.Getenv("AWS_CA_BUNDLE"); {
	case errors.As(err, &absent):
		return fmt.Errorf("AWS_PROFILE names %q, which no AWS CLI file defines: list the profiles with aws configure list-profiles", absent.Profile)
	case bundle != "" && (strings.Contains(err.Error(), "CA bundle") || strings.Contains(err.Error(), bundle)):
		return fmt.Errorf("AWS_CA_BUNDLE names %s, which is not a readable file of PEM certificates: %w", bundle, err)
	}
	return err
}

// sources adds dual-stack endpoints to the SDK's sources of settings on a host whose
// only way out is IPv6, as the ECS agent does. The last source, it yields to what the
// environment or the profile says.
func sources(sdk []any, host netpath.Families) []any {
	if host.OnlyIPv6() {
		return append(sdk, dualStack{})
	}
	return sdk
}

type dualStack struct{}

// GetUseDualStackEndpoint is called by the SDK.
func (dualStack) GetUseDualStackEndpoint(context.Context) (aws.DualStackEndpointState, bool, error) {
	return aws.DualStackEndpointStateEnabled, true, nil
}

// httpClient has bounds for a subnet without a route. The SDK adds the certificates of
// AWS_CA_BUNDLE to it.
func httpClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTimeout }).
		WithTransportOptions(func(t *http.Transport) { t.ResponseHeaderTimeout = answerTimeout })
}
