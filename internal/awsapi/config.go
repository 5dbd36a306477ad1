package awsapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	sdkimds "github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/smithy-go/logging"

	"muster/internal/imds"
	"muster/internal/netpath"
	"muster/internal/safefile"
)

// load makes the SDK's configuration out of the environment and the shared
// files, which the SDK reads. It does not use config.LoadDefaultConfig, whose
// chain brings the clients of SSO, STS and sign-in along, for ways to get
// credentials that no instance has (docs/adr/0006).
func load(ctx context.Context, region, imdsEndpoint string) (aws.Config, error) {
	env, err := config.NewEnvConfig()
	if err != nil {
		return aws.Config{}, err
	}
	shared, err := sharedProfile(ctx, env)
	if err != nil {
		return aws.Config{}, err
	}
	client, err := httpClient(first(env.CustomCABundle, shared.CustomCABundle))
	if err != nil {
		return aws.Config{}, err
	}
	cfg := aws.Config{
		Region:     first(region, env.Region, shared.Region),
		HTTPClient: client,
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = maxAttempts, maxBackoff })
		},
		ConfigSources: sources(env, shared, netpath.Prober{}.Families()),
		Logger:        logging.Nop{}, // its warnings would stand among our lines
	}
	if ignore, _, _ := env.GetIgnoreConfiguredEndpoints(ctx); !ignore {
		if endpoint := first(env.BaseEndpoint, shared.BaseEndpoint); endpoint != "" {
			cfg.BaseEndpoint = aws.String(endpoint)
		}
	}
	cfg.Credentials, err = chain(env, shared, imdsEndpoint)
	return cfg, err
}

// sources are where the SDK looks for its settings. On a host that has a way out
// for IPv6 alone it uses dual-stack endpoints, as the ECS agent does.
func sources(env config.EnvConfig, shared config.SharedConfig, host netpath.Families) []any {
	all := []any{env, shared}
	if host.OnlyIPv6() {
		all = append(all, dualStack{})
	}
	return all
}

// dualStack is a configuration source of the SDK, asked after the others.
type dualStack struct{}

// GetUseDualStackEndpoint is called by the SDK.
func (dualStack) GetUseDualStackEndpoint(context.Context) (aws.DualStackEndpointState, bool, error) {
	return aws.DualStackEndpointStateEnabled, true, nil
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// sharedProfile reads ~/.aws, in which nothing need be. A profile that was
// asked for by name must be there.
func sharedProfile(ctx context.Context, env config.EnvConfig) (config.SharedConfig, error) {
	name := first(env.SharedConfigProfile, "default")
	shared, err := config.LoadSharedConfigProfile(ctx, name, func(o *config.LoadSharedConfigOptions) {
		if env.SharedConfigFile != "" {
			o.ConfigFiles = []string{env.SharedConfigFile}
		}
		if env.SharedCredentialsFile != "" {
			o.CredentialsFiles = []string{env.SharedCredentialsFile}
		}
	})
	var absent config.SharedConfigProfileNotExistError
	switch {
	case !errors.As(err, &absent):
		return shared, err
	case env.SharedConfigProfile == "":
		return config.SharedConfig{}, nil
	}
	return shared, fmt.Errorf("AWS_PROFILE names %q, which no AWS CLI file defines: list the profiles with aws configure list-profiles", name)
}

// chain finds credentials where the SDK would: the environment, the profile's
// keys, the endpoint of a container, the role of the instance.
func chain(env config.EnvConfig, shared config.SharedConfig, imdsEndpoint string) (aws.CredentialsProvider, error) {
	relative, full := env.ContainerCredentialsRelativePath, env.ContainerCredentialsEndpoint
	switch {
	case env.Credentials.HasKeys():
		return credentials.StaticCredentialsProvider{Value: env.Credentials}, nil
	case shared.Credentials.HasKeys():
		return credentials.StaticCredentialsProvider{Value: shared.Credentials}, nil
	case shared.RoleARN != "" || shared.SSOSessionName != "" || shared.SSOAccountID != "" || shared.CredentialProcess != "" || shared.WebIdentityTokenFile != "":
		return nil, fmt.Errorf("profile %s gets its credentials in a way that only the AWS CLI supports; export them: eval \"$(aws configure export-credentials --profile %s --format env)\"", shared.Profile, shared.Profile)
	case relative != "":
		// The container credentials host of the SDKs.
		return endpointcreds.New("http://169.254.170.2"+relative, containerToken), nil
	case full != "":
		return endpointcreds.New(full, containerToken), nil
	}
	return ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = sdkimds.New(imds.Options(imdsEndpoint)) }), nil
}

// maxCredentials bounds what is read of a file with a token or certificates, in bytes.
// The bundle of all public authorities has 200 KB.
const maxCredentials = 4 << 20

// containerToken reads the token that the endpoint wants, afresh each time: it
// is rotated in its file.
func containerToken(o *endpointcreds.Options) {
	o.AuthorizationToken = os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN")
	if path := os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); path != "" {
		o.AuthorizationTokenProvider = endpointcreds.TokenProviderFunc(func() (string, error) {
			token, err := safefile.Read(path, maxCredentials)
			return string(token), err
		})
	}
}

// httpClient has bounds for a subnet without a route, and trusts the
// certificates of AWS_CA_BUNDLE alone if that is set, as the SDK does.
func httpClient(bundle string) (*awshttp.BuildableClient, error) {
	var roots *x509.CertPool
	if bundle != "" {
		pem, err := safefile.Read(bundle, maxCredentials)
		if err != nil {
			return nil, fmt.Errorf("reading AWS_CA_BUNDLE: %w", err)
		}
		if roots = x509.NewCertPool(); !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading AWS_CA_BUNDLE: %s contains no certificate", bundle)
		}
	}
	return awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTimeout }).
		WithTransportOptions(func(t *http.Transport) {
			t.ResponseHeaderTimeout = answerTimeout
			if roots != nil {
				t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
			}
		}), nil
}
