package dockerapi

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"
)

// metadataURI is the variable by which the ECS agent tells a container where its
// task's metadata is (agent/api/container, MetadataURIEnvVarNameV4).
const metadataURI = "ECS_CONTAINER_METADATA_URI_V4"

// Summary is a container as the list of all shows it.
type Summary struct {
	ID, Name string
	Labels   map[string]string // those of ECS; nil if there are none
	State    string            // created, running, paused, restarting, removing, exited or dead
	// Health is none, starting, healthy or unhealthy, and empty where the list does
	// not say: in other states than running, before API 1.52.
	Health  string
	Created time.Time // to the second
}

// Running says whether its main process lives; it does while paused.
func (s Summary) Running() bool { return s.State == "running" || s.State == "paused" }

// List lists the containers, also those that do not run if all is true, in one
// call.
func (c *Client) List(ctx context.Context, all bool) ([]Summary, error) {
	list, err := c.list(ctx, client.ContainerListOptions{All: all})
	if err != nil {
		return nil, err
	}
	out := make([]Summary, len(list.Items))
	for i, item := range list.Items {
		out[i] = Summary{ID: item.ID, Labels: onlyECS(item.Labels), State: string(item.State), Health: listedHealth(item), Created: time.Unix(item.Created, 0)}
		if len(item.Names) > 0 {
			out[i].Name = strings.TrimPrefix(item.Names[0], "/")
		}
	}
	return out, nil
}

// listedHealth takes the health off the end of a status, such as "Up 5 minutes
// (health: starting)", where there is no field for it.
func listedHealth(item container.Summary) string {
	if item.Health != nil && item.Health.Status != "" {
		return string(item.Health.Status)
	}
	_, note, noted := strings.Cut(item.Status, " (")
	switch {
	case item.State != container.StateRunning:
		return ""
	case !noted:
		return string(container.NoHealthcheck)
	}
	return strings.TrimPrefix(strings.TrimSuffix(note, ")"), "health: ")
}

// Inspection is what neither events nor the list tell of a container.
type Inspection struct {
	ID, Name     string
	Labels       map[string]string // those of ECS; nil if there are none
	Running      bool              // and not waiting to be restarted, which Docker calls running too
	Health       string            // starting, healthy, unhealthy; none without a check. Also of one that no longer runs
	Checked      bool              // there is a HEALTHCHECK, of the container's or of its image
	OOMKilled    bool              // some process of its was, since it started
	ExitCode     int               // of the last exit
	StopSignal   int               // what stopping begins with
	RestartCount int               // by Docker's restart policy
	StartedAt    time.Time
	FinishedAt   time.Time
	// MetadataURI is where ECS has the metadata of its task, from its environment,
	// of which nothing else is kept.
	MetadataURI string
}

// Inspect asks for one container, by id; false without an error means that there
// is none.
func (c *Client) Inspect(ctx context.Context, id string) (Inspection, bool, error) {
	found, seen, err := c.inspect(ctx, id)
	if isGone(seen, err) {
		return Inspection{}, false, nil
	}
	if err != nil {
		return Inspection{}, false, err
	}
	it, state, config := found.Container, found.Container.State, found.Container.Config
	out := Inspection{
		ID: it.ID, Name: strings.TrimPrefix(it.Name, "/"), Labels: onlyECS(config.Labels),
		Running: state.Running && !state.Restarting, Health: string(container.NoHealthcheck), Checked: checked(config),
		OOMKilled: state.OOMKilled, ExitCode: state.ExitCode, StopSignal: signal(config.StopSignal), RestartCount: it.RestartCount,
		StartedAt: parseTime(state.StartedAt), FinishedAt: parseTime(state.FinishedAt), MetadataURI: variable(config.Env, metadataURI),
	}
	if state.Health != nil && state.Health.Status != "" {
		out.Health = string(state.Health.Status)
	}
	return out, true, nil
}

// checked reads a test of NONE as none: it is how an image's check is taken away.
func checked(config *container.Config) bool {
	check := config.Healthcheck
	return check != nil && len(check.Test) > 0 && check.Test[0] != "NONE"
}

// signal reads SIGQUIT, QUIT and 3. Docker stops with SIGTERM unless told otherwise.
func signal(s string) int {
	n, err := strconv.Atoi(s)
	switch {
	case s == "":
		return int(unix.SIGTERM)
	case errors.Is(err, strconv.ErrSyntax):
		return int(unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(s), "SIG")))
	}
	return n
}

func variable(env []string, name string) string {
	for _, pair := range env {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}
