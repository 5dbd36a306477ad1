package sandbox

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Credentials from IMDS that the AWS services accept.
const (
	roleName     = "muster-sandbox"
	accessKeyID  = "ASIASANDBOXSANDBOX00"
	secretKey    = "sandbox/secret/of/no/worth/whatsoever00"
	sessionToken = "sandbox-session-token"
)

// Fixed properties of the instance.
const (
	instanceType = "m7i.large"
	imageID      = "ami-0123456789abcdef0"
	privateIP    = "10.0.1.17"
	mac          = "0a:12:34:56:78:9a"
	subnetID     = "subnet-0aa11bb22cc33dd44"
	vpcID        = "vpc-0aa11bb22cc33dd44"
	groupID      = "sg-0aa11bb22cc33dd44"
	interfaceID  = "eni-0aa11bb22cc33dd44"
)

// Options configures the instance. The zero value is a single instance with a role, in a region without clusters.
type Options struct {
	Region     string // default eu-central-1
	AccountID  string // default 123456789012
	InstanceID string // default i-0123456789abcdef0

	Clusters     []string // ACTIVE clusters that exist
	InstanceTags map[string]string
	TagsInIMDS   bool // "allow tags in instance metadata"
	NoRole       bool // no instance profile: no credentials
	UserData     string

	// Group is the Auto Scaling group, or nil.
	Group *Group
	// Stacks maps stack names to the logical IDs of resources that wait for a signal.
	Stacks map[string][]string

	Root  string // file system root of the instance; required by the agent
	Agent AgentPlan
	Clock Clock // default: the real one
}

// Sandbox is an instance and its AWS environment. Its methods are safe for concurrent use; one lock guards all state.
type Sandbox struct {
	// Agent is the instance's ECS agent. It is not started by New.
	Agent *Agent

	opts       Options
	clock      Clock
	routes     []*service
	done       chan struct{}
	background sync.WaitGroup // goroutines that end with done
	closed     sync.Once

	imds, introspection, api *door
	clients                  http.Transport // of AWSConfig

	mu       sync.Mutex
	faults   []*armedFault
	calls    []*Call
	local    []*LocalRequest
	buckets  map[string]*bucket
	tokens   tokens
	identity identity
	extra    map[string]string // by path, of the IMDS
	clusters []*cluster

	definitions []*TaskDefinition

	group   *groupState
	scaling []*ScalingGroup

	scheduled map[string][]ScheduledAction // put through the API, by group
	vpc       *vpc
	stacks    map[string]*stack
	metrics   []Datum
	events    []Event
}

// New starts a sandbox on three loopback ports. The caller must Close it.
func New(opts Options) (*Sandbox, error) {
	opts.Region = cmp.Or(opts.Region, "eu-central-1")
	opts.AccountID = cmp.Or(opts.AccountID, "123456789012")
	opts.InstanceID = cmp.Or(opts.InstanceID, "i-0123456789abcdef0")
	if opts.Clock == nil {
		opts.Clock = realClock{}
	}
	s := &Sandbox{
		opts: opts, clock: opts.Clock, done: make(chan struct{}),
		buckets: map[string]*bucket{}, tokens: tokens{}, extra: map[string]string{}, scheduled: map[string][]ScheduledAction{},
	}
	s.routes = s.services()
	s.identity = s.newIdentity()
	s.vpc = s.newVPC()
	s.group = s.newGroup()
	s.stacks = s.newStacks()
	for _, name := range opts.Clusters {
		s.SetCluster(name, "ACTIVE")
	}
	s.Agent = newAgent(s)
	if err := s.listen(); err != nil {
		s.Close()
		return nil, fmt.Errorf("starting the sandbox: %w", err)
	}
	return s, nil
}

func (s *Sandbox) listen() error {
	for _, d := range []struct {
		door    **door
		handler http.Handler
	}{
		{&s.imds, s.serveLocal(IMDS, s.serveIMDS)},
		{&s.introspection, s.serveLocal(Introspection, s.Agent.serve)},
		{&s.api, http.HandlerFunc(s.serveAWS)},
	} {
		var err error
		if *d.door, err = newDoor(d.handler); err != nil {
			return err
		}
	}
	if err := s.imds.open(); err != nil {
		return err
	}
	return s.api.open() // the agent opens introspection
}

// Close stops the agent and the listeners, and waits for their goroutines.
func (s *Sandbox) Close() {
	s.closed.Do(func() {
		close(s.done)
		s.background.Wait()
		s.Agent.Stop()
		s.clients.CloseIdleConnections()
		for _, d := range []*door{s.imds, s.introspection, s.api} {
			if d != nil {
				d.remove()
			}
		}
	})
}

// Environ returns the environment of a process on this instance, as KEY=VALUE. It has no region or credentials, because
// they come from IMDS. It hides the AWS files of the real machine.
func (s *Sandbox) Environ() []string {
	return []string{
		"AWS_EC2_METADATA_SERVICE_ENDPOINT=" + s.imds.url(),
		"AWS_ENDPOINT_URL=" + s.api.url(),
		"AWS_CONFIG_FILE=/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"MUSTER_INTROSPECTION_URL=" + s.introspection.url(),
		"MUSTER_ROOT=" + s.opts.Root,
	}
}

// IMDSURL returns the address of the metadata service, as http://host:port.
func (s *Sandbox) IMDSURL() string { return s.imds.url() }

// APIURL returns the address of all AWS services.
func (s *Sandbox) APIURL() string { return s.api.url() }

// AWS returns the handler behind APIURL. Tests in virtual time call it without a connection, whose goroutines would
// block the clock.
func (s *Sandbox) AWS() http.Handler { return http.HandlerFunc(s.serveAWS) }

// IntrospectionURL returns the address of introspection, which refuses connections until the agent listens.
func (s *Sandbox) IntrospectionURL() string { return s.introspection.url() }

// AWSConfig returns a configuration for SDK clients of the sandbox with the instance's role, without using IMDS.
func (s *Sandbox) AWSConfig() aws.Config {
	creds := aws.Credentials{AccessKeyID: accessKeyID, SecretAccessKey: secretKey, SessionToken: sessionToken}
	return aws.Config{
		HTTPClient:   &http.Client{Transport: keepBody{&s.clients}},
		Region:       s.opts.Region,
		BaseEndpoint: aws.String(s.api.url()),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return creds, nil
		}),
	}
}

// keepBody prevents the SDK from closing a request body early. The SDK closes it once it has the response header, which
// on loopback can be before net/http has finished writing, and then the connection is lost.
type keepBody struct{ next *http.Transport }

func (k keepBody) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return k.next.RoundTrip(r)
}

func (s *Sandbox) zone() string { return s.opts.Region + "a" }

func (s *Sandbox) arn(service, resource string) string {
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, s.opts.Region, s.opts.AccountID, resource)
}
