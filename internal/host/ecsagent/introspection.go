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

// DefaultIntrospectionURL is where the agent listens. It binds all interfaces
// behind an iptables rule, so only the loopback address is dialled.
const DefaultIntrospectionURL = "http://127.0.0.1:51678"

// maxAnswer bounds an answer, in bytes. A task takes about 1 KiB.
const maxAnswer = 8 << 20

// What an attempt to ask the agent can end in, to be told apart with errors.Is.
// Each comes wrapped together with its cause and the URL.
var (
	// ErrRefused: nothing listens. The agent opens its port only after it has
	// registered, so it has not registered yet or it is down.
	ErrRefused = errors.New("nothing listens: the ECS agent has not registered yet, or is down")
	// ErrSilent: no whole answer within the caller's time.
	ErrSilent = errors.New("no answer in time: the ECS agent hangs, or the host is starved of resources")
	// ErrGarbled: an answer that an ECS agent does not give.
	ErrGarbled = errors.New("not an answer from an ECS agent")
)

// Metadata is the agent's account of itself.
type Metadata struct {
	Cluster              string // name or ARN, as it was configured; "default" if it was not
	ContainerInstanceARN string // empty while the agent has none
	Version              string // for display, such as "Amazon ECS Agent - v1.105.1 (8dfceca6)"
}

// Introspection asks the agent's introspection endpoint.
type Introspection struct {
	base string
	hc   *http.Client
}

// NewIntrospection returns an Introspection of the agent at baseURL, or at
// DefaultIntrospectionURL if that is empty. hc decides about retries and must
// not use a proxy (net/http never does for loopback); nil means
// LocalClient(5s). Redirects are not followed: no agent sends one.
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

// LocalClient returns a client for services of this host: no proxy, no
// connection kept open, and timeout as the bound of a whole exchange.
func LocalClient(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout:   timeout,
		Transport: &http.Transport{DisableKeepAlives: true},
	}
}

// Metadata asks /v1/metadata. A nil error alone does not prove registration: an
// agent whose registration was throttled for an hour serves an empty ARN.
func (i *Introspection) Metadata(ctx context.Context) (Metadata, error) {
	return ask(ctx, i, "/v1/metadata", decodeMetadata)
}

// Tasks asks /v1/tasks: the tasks that the agent knows, stopped ones included.
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

// classify leaves the caller's own cancellation alone: it says nothing of the agent.
func classify(err error) error {
	var network net.Error
	var dial *net.OpError
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case ownlimit.Of(err) != "": // it says nothing of the agent either
		return ownlimit.Wrap(err)
	case errors.As(err, &network) && network.Timeout():
		return fmt.Errorf("%w: %w", ErrSilent, err)
	case errors.As(err, &dial) && dial.Op == "dial":
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return fmt.Errorf("%w: %w", ErrGarbled, err)
}

// decodeMetadata demands the key "Cluster": the agent always sends it
// (ecs-agent/introspection/v1/response.go), any other JSON server does not.
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
	// The agent's list holds pointers; a null among them is no task.
	return slices.DeleteFunc(tasks, func(t Task) bool { return t.ARN == "" }), nil
}
