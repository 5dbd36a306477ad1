package dockerapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// maxListed limits the memory for a list, in bytes. A container with the labels of ECS takes about 700 bytes, so more
// than 10,000 containers fit.
const maxListed = 8 << 20

// Summary is an entry in the list of containers.
type Summary struct {
	ID, Name string
	Labels   map[string]string // only the labels of ECS; nil if there are none
	State    string            // created, running, paused, restarting, removing, exited or dead
	// Health is "none", starting, healthy or unhealthy. It is empty if the list does not
	// contain it: in states other than running, before API 1.52.
	Health  string
	Created time.Time // precision: one second
}

// Running reports whether the main process is alive. That includes paused containers.
func (s Summary) Running() bool { return s.State == "running" || s.State == "paused" }

// size returns the approximate memory usage in bytes.
func (s Summary) size() int {
	n := len(s.ID) + len(s.Name)
	for key, value := range s.Labels {
		n += len(key) + len(value)
	}
	return n
}

// List lists the running containers in one call. With all, it includes those that are not running.
func (c *Client) List(ctx context.Context, all bool) ([]Summary, error) {
	out, kept := []Summary{}, 0
	keep := func(s Summary) error {
		out = append(out, s)
		if kept += s.size(); kept > maxListed {
			return fmt.Errorf("%d containers and more: muster keeps at most %d MiB of the list", len(out), maxListed>>20)
		}
		return nil
	}
	_, err := c.call(ctx, func(ctx context.Context) error {
		_, err := c.current().ContainerList(context.WithValue(ctx, keepKey{}, keep), client.ContainerListOptions{All: all})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing the containers at %s: %w", c.host, err)
	}
	return out, nil
}

// keepKey is the context key of the function that receives the entries of a list.
type keepKey struct{}

// itemized reads a list from body and passes each container to keep. To the moby client it returns an empty list. The
// moby client would keep the text and all containers in memory: 150 MB for the 29 MB of 10,000 containers.
type itemized struct {
	body io.Reader
	keep func(Summary) error
	rest io.Reader // nil until body has been read
}

// Read implements io.Reader.
func (l *itemized) Read(p []byte) (int, error) {
	if l.rest == nil {
		if err := l.readAll(); err != nil {
			return 0, err
		}
		l.rest = strings.NewReader("[]")
	}
	return l.rest.Read(p)
}

func (l *itemized) readAll() error {
	in := &bounded{in: l.body, what: "an entry of the list", left: maxObject}
	decoder := json.NewDecoder(in)
	first, err := decoder.Token()
	if err != nil {
		return err
	}
	if first != json.Delim('[') {
		return fmt.Errorf("the response is not a list: it begins with %v", first)
	}
	for decoder.More() {
		in.left = maxObject
		var item entry
		if err := decoder.Decode(&item); err != nil {
			return err
		}
		if err := l.keep(item.summary()); err != nil {
			return err
		}
	}
	_, err = decoder.Token()
	return err
}

// entry holds the fields that are used of a container in the list. Most of an entry's 3 KiB are ports, mounts and
// networks.
type entry struct {
	ID      string `json:"Id"`
	Names   []string
	Labels  map[string]string
	Created int64
	State   container.ContainerState
	Status  string
	Health  *container.HealthSummary
}

func (e entry) summary() Summary {
	s := Summary{ID: e.ID, Labels: onlyECS(e.Labels), State: string(e.State), Health: e.health(), Created: time.Unix(e.Created, 0)}
	if len(e.Names) > 0 {
		s.Name = strings.TrimPrefix(e.Names[0], "/")
	}
	return s
}

// health returns the health field. If there is none, it parses the end of a status such as "Up 5 minutes (health:
// starting)".
func (e entry) health() string {
	if e.Health != nil && e.Health.Status != "" {
		return string(e.Health.Status)
	}
	_, note, noted := strings.Cut(e.Status, " (")
	switch {
	case e.State != container.StateRunning:
		return ""
	case !noted:
		return string(container.NoHealthcheck)
	}
	return strings.TrimPrefix(strings.TrimSuffix(note, ")"), "health: ")
}
