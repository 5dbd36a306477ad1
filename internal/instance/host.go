package instance

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"muster/internal/awsapi"
	"muster/internal/config"
	"muster/internal/host/dockerapi"
	"muster/internal/host/ecsagent"
	"muster/internal/host/imds"
	"muster/internal/host/units"
)

// localTimeout is the timeout of one request to a service on this host.
const localTimeout = 5 * time.Second

// ErrNoSystemd means that this system was not booted by systemd.
var ErrNoSystemd = errors.New("this system was not booted by systemd")

// Host provides the settings and the clients for this host. Each client is created on first use and shared by the whole
// process, so that credentials are read once and all AWS calls are counted.
type Host struct {
	settings func() (config.Set, error)

	mu      sync.Mutex
	made    Made
	aws     map[string]*awsapi.Client // by region
	imds    map[string]*imds.Client   // by endpoint, like the following maps
	agents  map[string]*ecsagent.Introspection
	engines map[string]*dockerapi.Client

	connecting sync.Mutex // guards systemd; held while connecting, which can take until ctx ends
	systemd    *units.Manager
}

// Made counts the clients that were created.
type Made struct{ AWS, Metadata, Introspection, Docker, Systemd int }

// New returns a Host. The function settings is called each time the settings are needed, because they can change while
// a long-running process waits.
func New(settings func() (config.Set, error)) *Host {
	return &Host{
		settings: settings, aws: map[string]*awsapi.Client{}, imds: map[string]*imds.Client{},
		agents: map[string]*ecsagent.Introspection{}, engines: map[string]*dockerapi.Client{},
	}
}

// Settings reads the current settings.
func (h *Host) Settings() (config.Set, error) { return h.settings() }

// Made returns the number of clients created so far.
func (h *Host) Made() Made {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.made
}

// Calls returns the number of requests sent to AWS so far, including retries.
func (h *Host) Calls() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []*awsapi.Client
	calls := 0
	for _, api := range h.aws {
		if !slices.Contains(all, api) { // the same client can be stored under two keys
			all, calls = append(all, api), calls+api.Calls()
		}
	}
	return calls
}

// Close closes the connection to systemd, if there is one.
func (h *Host) Close() {
	h.connecting.Lock()
	defer h.connecting.Unlock()
	if h.systemd != nil {
		h.systemd.Close()
		h.systemd = nil
	}
}

// metadataEndpoint returns the value of the SDK's own variable, which the settings file may set. "" means the
// link-local address.
func metadataEndpoint() string { return os.Getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT") }

// AWS returns the client for the region, or for the region in the environment if region is empty. A client without a
// region is not cached, because later settings may set one.
func (h *Host) AWS(ctx context.Context, region string) (*awsapi.Client, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if api := h.aws[region]; api != nil {
		return api, nil
	}
	api, err := awsapi.New(ctx, region, metadataEndpoint())
	if err != nil || api.Region() == "" {
		return api, err
	}
	if other := h.aws[api.Region()]; other != nil {
		api = other
	} else {
		h.made.AWS++
	}
	h.aws[region], h.aws[api.Region()] = api, api
	return api, nil
}

// Metadata returns the client of the instance metadata service, which waits up to patience for a response.
func (h *Host) Metadata(patience time.Duration) *imds.Client {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := metadataEndpoint()
	if h.imds[at] == nil {
		h.imds[at] = imds.New(at, patience)
		h.made.Metadata++
	}
	return h.imds[at].WithPatience(patience)
}

// Introspection returns the client of the ECS agent's introspection server.
func (h *Host) Introspection(url string) *ecsagent.Introspection {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.agents[url] == nil {
		h.agents[url] = ecsagent.NewIntrospection(url, ecsagent.LocalClient(localTimeout))
		h.made.Introspection++
	}
	return h.agents[url]
}

// docker returns the client for the Engine at address. It calls connect if there is none yet.
func (h *Host) docker(address string, connect func(string, time.Duration) (*dockerapi.Client, error)) (*dockerapi.Client, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if engine := h.engines[address]; engine != nil {
		return engine, nil
	}
	engine, err := connect(address, localTimeout)
	if err != nil {
		return nil, err
	}
	h.engines[address] = engine
	h.made.Docker++
	return engine, nil
}

// Systemd returns the connection to systemd. It reconnects if the connection was lost. It returns ErrNoSystemd if the
// system below root was not booted by systemd. Close closes the connection for all users of the Host.
func (h *Host) Systemd(ctx context.Context, root string) (*Systemd, error) {
	if !units.Booted(root) {
		return nil, ErrNoSystemd
	}
	h.connecting.Lock()
	defer h.connecting.Unlock()
	if h.systemd != nil && h.systemd.Connected() {
		return &Systemd{h.systemd}, nil
	}
	systemd, err := units.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if h.systemd != nil {
		h.systemd.Close()
	}
	h.systemd = systemd
	h.mu.Lock()
	defer h.mu.Unlock()
	h.made.Systemd++
	return &Systemd{systemd}, nil
}

// Systemd is the shared connection to systemd.
type Systemd struct{ *units.Manager }

// Close does nothing, because Host.Close closes the connection.
func (*Systemd) Close() {}

// AWS returns the client for this instance's region, or for the region in the environment if the instance is unknown.
func (i *Instance) AWS(ctx context.Context) (*awsapi.Client, error) {
	return i.host.AWS(ctx, i.Identity.Region)
}

// Metadata returns the client of the instance metadata service.
func (i *Instance) Metadata(patience time.Duration) *imds.Client { return i.host.Metadata(patience) }

// Introspection returns the client of the ECS agent's introspection server.
func (i *Instance) Introspection() *ecsagent.Introspection {
	return i.host.Introspection(i.Config.IntrospectionURL)
}

// TaskMetadata returns a client of the ECS agent's task metadata endpoint.
func (i *Instance) TaskMetadata() *ecsagent.TaskMetadataEndpoint {
	return ecsagent.NewTaskMetadataEndpoint("", ecsagent.LocalClient(localTimeout))
}

// Docker returns the client of the Docker Engine.
func (i *Instance) Docker() (*dockerapi.Client, error) {
	return i.host.docker(i.Config.DockerHost, dockerapi.New)
}

// DockerBehindProxy returns a client that accesses the Engine through muster-agent's read-only proxy, or directly if no
// proxy is configured. The proxy serves only the default Engine.
func (i *Instance) DockerBehindProxy() (*dockerapi.Client, error) {
	if i.Config.DockerProxy != "" && i.Config.DockerHost == dockerapi.DefaultHost {
		return i.host.docker(i.Config.DockerProxy, dockerapi.NewBehindProxy)
	}
	return i.Docker()
}

// Systemd returns the connection to systemd.
func (i *Instance) Systemd(ctx context.Context) (*Systemd, error) {
	return i.host.Systemd(ctx, i.Config.Root)
}
