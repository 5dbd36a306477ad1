package ecsagent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"muster/internal/base/ownlimit"
)

// DefaultIntrospectionURL is the agent's endpoint. The agent binds all interfaces behind an iptables rule, so only the
// loopback address is dialed.
const DefaultIntrospectionURL = "http://127.0.0.1:51678"

// maxAnswer limits a response, in bytes. A task takes about 1 KiB.
const maxAnswer = 8 << 20

// Errors of a request to the agent, for errors.Is. Each is wrapped together with its cause and the URL.
var (
	// ErrRefused means that nothing is listening. The agent opens its port only after registration, so it has not
	// registered yet or is down.
	ErrRefused = errors.New("nothing listens: the ECS agent has not registered yet, or is down")
	// ErrSilent means that no complete response arrived before the caller's deadline.
	ErrSilent = errors.New("no response in time: the ECS agent hangs, or the host is starved of resources")
	// ErrGarbled means that the response does not come from an ECS agent.
	ErrGarbled = errors.New("not an answer from an ECS agent")
)

// Metadata describes the agent and its registration.
type Metadata struct {
	Cluster              string // name or ARN, as configured; "default" if not configured
	ContainerInstanceARN string // empty until the agent has one
	Version              string // for display, such as "Amazon ECS Agent - v1.105.1 (8dfceca6)"
}

// Introspection is a client of the agent's introspection endpoint.
type Introspection struct {
	base string
	hc   *http.Client
}

// NewIntrospection returns a client of the agent at baseURL. An empty baseURL means DefaultIntrospectionURL. hc
// controls retries and must not use a proxy (net/http never does for loopback). A nil hc means LocalClient(5s).
// Redirects are not followed, because no agent sends one.
func NewIntrospection(baseURL string, hc *http.Client) *Introspection {
	if baseURL == "" {
		baseURL = DefaultIntrospectionURL
	}
	if hc == nil {
		hc = LocalClient(5 * time.Second)
	}
	own := *hc
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Introspection{base: strings.TrimRight(baseURL, "/"), hc: &own}
}

// LocalClient returns a client for services on this host: no proxy, no keep-alive, and timeout as the limit of a whole
// request.
func LocalClient(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout:   timeout,
		Transport: &http.Transport{DisableKeepAlives: true},
	}
}

// Metadata queries /v1/metadata. A nil error alone does not prove registration: an agent whose registration was
// throttled for an hour serves an empty ARN.
func (i *Introspection) Metadata(ctx context.Context) (Metadata, error) {
	return ask(ctx, i, "/v1/metadata", decodeMetadata)
}

// Tasks queries /v1/tasks, which lists the agent's tasks, including stopped ones.
func (i *Introspection) Tasks(ctx context.Context) ([]Task, error) {
	return ask(ctx, i, "/v1/tasks", decodeTasks)
}

func ask[T any](ctx context.Context, i *Introspection, path string, decode func([]byte) (T, error)) (T, error) {
	url := i.base + path
	var answer T
	body, err := i.get(ctx, url)
	if err == nil {
		if answer, err = decode(body); err != nil {
			err = fmt.Errorf("%w: %w", ErrGarbled, err)
		}
	}
	if err != nil {
		return answer, fmt.Errorf("querying the ECS agent at %s: %w", url, err)
	}
	return answer, nil
}

func (i *Introspection) get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := i.hc.Do(req)
	if err != nil {
		return nil, classify(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: status %s", ErrGarbled, resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, classify(err)
	}
	if len(body) > maxAnswer {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrGarbled, maxAnswer)
	}
	return body, nil
}

// classify returns the caller's own cancellation unchanged, because it is not the agent's error.
func classify(err error) error {
	var network net.Error
	var dial *net.OpError
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case ownlimit.Of(err) != "": // not the agent's error either
		return ownlimit.Wrap(err)
	case errors.As(err, &network) && network.Timeout():
		return fmt.Errorf("%w: %w", ErrSilent, err)
	case errors.As(err, &dial) && dial.Op == "dial":
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return fmt.Errorf("%w: %w", ErrGarbled, err)
}

// decodeMetadata requires the key "Cluster". The agent always sends it (ecs-agent/introspection/v1/response.go); other
// JSON servers do not.
func decodeMetadata(body []byte) (Metadata, error) {
	var wire struct {
		Cluster              *string
		ContainerInstanceARN string `json:"ContainerInstanceArn"`
		Version              string
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return Metadata{}, err
	}
	if wire.Cluster == nil {
		return Metadata{}, errors.New(`no "Cluster" in the answer`)
	}
	return Metadata{*wire.Cluster, wire.ContainerInstanceARN, wire.Version}, nil
}

func decodeTasks(body []byte) ([]Task, error) {
	var wire struct{ Tasks json.RawMessage }
	if err := json.Unmarshal(body, &wire); err != nil {
		return nil, err
	}
	if wire.Tasks == nil {
		return nil, errors.New(`no "Tasks" in the answer`)
	}
	var tasks []Task
	if err := json.Unmarshal(wire.Tasks, &tasks); err != nil {
		return nil, err
	}
	// The agent's list holds pointers; skip null entries.
	return slices.DeleteFunc(tasks, func(t Task) bool { return t.ARN == "" }), nil
}
