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

	"muster/internal/file/rootonly"
	"muster/internal/host/imds"
	"muster/internal/host/netpath"
)

// load is the SDK's own configuration (environment, shared files, and every way to
// get credentials that the AWS CLI knows) with muster's bounds on time and retries.
// The credentials of the instance's role come through the metadata service at
// imdsEndpoint; an empty one is the real one.
func load(ctx context.Context, region, imdsEndpoint string) (aws.Config, error) {
	home := homeFiles(os.Geteuid())
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithRegion(region), // an empty one leaves it to the environment and the profile
		config.WithSharedConfigFiles(home.config),
		config.WithSharedCredentialsFiles(home.credentials),
		config.WithHTTPClient(httpClient()),
		config.WithRetryer(NewRetryer),
		config.WithLogger(logging.Nop{}), // its warnings would stand among our lines
		config.WithEC2RoleCredentialOptions(func(o *ec2rolecreds.Options) { o.Client = sdkimds.New(imds.Options(imdsEndpoint)) }),
	)
	if err != nil {
		return cfg, explained(err, home.left)
	}
	cfg.ConfigSources = sources(cfg.ConfigSources, netpath.Prober{}.Families())
	return cfg, nil
}

// NewRetryer makes the retryer that New gives its clients: three attempts, with full jitter below
// five seconds between them.
func NewRetryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = maxAttempts, maxBackoff })
}

// shared are the files of the AWS CLI to read; nil leaves them to the SDK.
type shared struct {
	config, credentials []string
	left                string // why a file was left out
}

// homeFiles leaves out of the files in the home directory what is no regular file, which
// could hold up the reader for ever, and for root what others can change, because a
// profile can name a program to run (credential_process): sudo -E and su keep the home
// directory of the user. A file that the environment names is read as it is.
func homeFiles(euid int) shared {
	var s shared
	s.config = s.read(euid, "AWS_CONFIG_FILE", config.DefaultSharedConfigFilename())
	s.credentials = s.read(euid, "AWS_SHARED_CREDENTIALS_FILE", config.DefaultSharedCredentialsFilename())
	return s
}

func (s *shared) read(euid int, variable, path string) []string {
	if os.Getenv(variable) != "" {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	if !info.Mode().IsRegular() {
		s.left = path + " was not read: it is not a regular file"
		return []string{}
	}
	if doubt, is := rootonly.Is(rootonly.Check("/", path)); is && euid == 0 {
		s.left = fmt.Sprintf("%s was not read: muster runs as root, and %v; set %s to have it read all the same", path, doubt, variable)
		return []string{}
	}
	return nil
}

// explained names the setting that the SDK's errors leave out.
func explained(err error, left string) error {
	var absent config.SharedConfigProfileNotExistError
	switch bundle := os.Getenv("AWS_CA_BUNDLE"); {
	case errors.As(err, &absent) && left != "":
		return fmt.Errorf("AWS_PROFILE names %q, which no AWS CLI file defines; %s", absent.Profile, left)
	case errors.As(err, &absent):
		return fmt.Errorf(
			"AWS_PROFILE names %q, which no AWS CLI file defines: list the profiles with aws configure list-profiles",
			absent.Profile,
		)
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
