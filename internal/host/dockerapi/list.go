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

// maxListed bounds what is kept of a list, in bytes. A container with the labels of
// ECS takes about 700, so that this is room for more than 10,000.
const maxListed = 8 << 20

// Summary is a container as the list of all shows it.
type Summary struct {
	ID, Name string
	Labels   map[string]string // those of ECS; nil if there are none
	State    string            // created, running, paused, restarting, removing, exited or dead
	// Health is "none", starting, healthy or unhealthy. It is empty if the list does not
	// contain it: in states other than running, before API 1.52.
	Health  string
	Created time.Time // to the second
}

// Running says whether its main process lives; it does while paused.
func (s Summary) Running() bool { return s.State == "running" || s.State == "paused" }

// size is what it keeps in memory, in bytes, roughly.
func (s Summary) size() int {
	n := len(s.ID) + len(s.Name)
	for key, value := range s.Labels {
		n += len(key) + len(value)
	}
	return n
}

// List lists the containers, also those that do not run if all is true, in one
// call.
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

// keepKey is the context key of the function that takes a list's containers.
type keepKey struct{}

// itemized is the body of a list. It hands the containers to keep one by one and
// then reads as an empty list: the moby client would keep the text and the
// containers whole, 150 MB for the 29 MB of 10,000 containers.
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
		return fmt.Errorf("the answer is not a list: it begins with %v", first)
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

// entry is what is read of a container in the list; of its 3 KiB most are ports,
// mounts and networks.
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

// health takes the health off the end of a status, such as "Up 5 minutes (health:
// starting)", where there is no field for it.
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
