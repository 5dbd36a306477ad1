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

// load returns the SDK's default configuration (environment, shared files, and every credential source that the AWS CLI
// supports) with muster's timeouts and retry limits. The credentials of the instance role come from the metadata
// service at imdsEndpoint. If that is empty, the link-local address is used.
func load(ctx context.Context, region, imdsEndpoint string) (aws.Config, error) {
	home := homeFiles(os.Geteuid())
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithRegion(region), // if empty, the environment or the profile decides
		config.WithSharedConfigFiles(home.config),
		config.WithSharedCredentialsFiles(home.credentials),
		config.WithHTTPClient(httpClient()),
		config.WithRetryer(NewRetryer),
		config.WithLogger(logging.Nop{}), // the SDK's warnings would mix with muster's output
		config.WithEC2RoleCredentialOptions(func(o *ec2rolecreds.Options) { o.Client = sdkimds.New(imds.Options(imdsEndpoint)) }),
	)
	if err != nil {
		return cfg, explained(err, home.left)
	}
	cfg.ConfigSources = sources(cfg.ConfigSources, netpath.Prober{}.Families())
	return cfg, nil
}

// NewRetryer returns the retryer of the clients that New makes: three attempts, with full jitter below
// five seconds between them.
func NewRetryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = maxAttempts, maxBackoff })
}

// shared lists the AWS CLI files to read. If a list is nil, the SDK reads its default files.
type shared struct {
	config, credentials []string
	left                string // why a file is not read
}

// homeFiles decides which AWS CLI files in the home directory are read. It excludes anything but regular files, because
// reading them could block. For root it also excludes files that other users can change: a profile can name a program
// to run (credential_process), and sudo -E and su keep the user's home directory. Files that the environment names are
// always read.
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
	if insecure, is := rootonly.Is(rootonly.Check("/", path)); is && euid == 0 {
		s.left = fmt.Sprintf("%s was not read: muster runs as root, and %v; set %s to read it anyway", path, insecure, variable)
		return []string{}
	}
	return nil
}

// explained adds the name of the setting, which the SDK's errors omit.
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

// sources adds dual-stack endpoints to the SDK's sources of settings if the host has only IPv6 connectivity, as the ECS
// agent does. As the last source, it has lower precedence than the environment and the profile.
func sources(sdk []any, host netpath.Families) []any {
	if host.OnlyIPv6() {
		return append(sdk, dualStack{})
	}
	return sdk
}

type dualStack struct{}

// GetUseDualStackEndpoint implements the SDK's interface for sources.
func (dualStack) GetUseDualStackEndpoint(context.Context) (aws.DualStackEndpointState, bool, error) {
	return aws.DualStackEndpointStateEnabled, true, nil
}

// httpClient returns a client with timeouts that suit a subnet without a route to AWS. The SDK adds the certificates
// from AWS_CA_BUNDLE.
func httpClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTimeout }).
		WithTransportOptions(func(t *http.Transport) { t.ResponseHeaderTimeout = answerTimeout })
}
