// Package bundle packs what is known of an instance into one file that can be
// sent to a colleague: the results of the checks, a report in HTML, the ends of
// logs, and facts of the host. It decides what goes in, and what is left out;
// how a secret is told is package redact's. It finds no cause and asks nothing
// of AWS.
package bundle

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"muster/check"
	"muster/internal/base/nearest"
	"muster/internal/config"
	"muster/internal/host/dockerapi"
	"muster/internal/host/ecsagent"
	"muster/internal/host/units"
	"muster/internal/instance"
	"muster/internal/report/ports"
)

// Introspection is the ECS agent's own account of itself.
type Introspection interface {
	Metadata(ctx context.Context) (ecsagent.Metadata, error)
	Tasks(ctx context.Context) ([]ecsagent.Task, error)
}

// Engine is the Docker Engine, read only.
type Engine interface {
	Ping(ctx context.Context) (dockerapi.Version, error)
	Containers(ctx context.Context) ([]dockerapi.Container, error)
	AgentContainer(ctx context.Context) (dockerapi.AgentContainer, bool, error)
}

// Units is systemd.
type Units interface {
	Show(ctx context.Context, name string) (units.State, error)
	Close()
}

// Source is what a bundle is made of. What is nil is not there to be asked.
type Source struct {
	Version    string // of muster
	InstanceID string // empty if it is not known
	At         time.Time
	Config     *config.Config

	Results []check.Result
	JSON    func(io.Writer) error         // writes the results as muster debug --output json does
	Page    func(id string) (text string) // of docs/checks; "" for none
	Ports   *ports.Report

	Agent  Introspection
	Engine Engine
	Units  func(context.Context) (Units, error)
}

// Of is this instance, without what the checks found.
func Of(i *instance.Instance, version string) Source {
	s := Source{Version: version, InstanceID: i.Identity.InstanceID, At: time.Now(), Config: i.Config, Agent: i.Introspection()}
	if units.Booted(i.Config.Root) && !i.Elsewhere() {
		s.Units = func(ctx context.Context) (Units, error) { return i.Systemd(ctx) }
	}
	return s
}

// Options are what is asked for beyond the usual.
type Options struct {
	Include []string // of Extras
}

// The Extras: what is left out unless asked for, since people put secrets there.
const (
	UserData     = "user-data"
	CloudInitLog = "cloud-init-log"
)

// Extras lists what Options may include.
func Extras() []string { return []string{UserData, CloudInitLog} }

// Check refuses what is no extra.
func (o Options) Check() error {
	for _, name := range o.Include {
		if slices.Contains(Extras(), name) {
			continue
		}
		hint := nearest.Hint(name, Extras(), "there are "+strings.Join(Extras(), " and "))
		return fmt.Errorf("the bundle can include no %q: %s", name, hint)
	}
	return nil
}

// Collect writes the bundle to out, a tar in gzip, and tells what is in it. A
// collector that fails, hangs or panics is only noted; an error is one of
// writing.
func Collect(ctx context.Context, s Source, out io.Writer, o Options) (Manifest, error) {
	whole := gather(ctx, s, o)
	m := Manifest{Schema: manifestSchema, Muster: s.Version, InstanceID: s.InstanceID, At: s.At.UTC().Truncate(time.Second), LeftOut: o.leftOut(), Failed: whole.failed}
	var packed []file
	for _, f := range whole.files {
		f.source = strings.TrimPrefix(f.source, strings.TrimSuffix(s.Config.Root, "/"))
		packed = append(packed, m.mask(f))
	}
	page := m.mask(file{name: "report.html", source: "muster, from the other files", data: []byte(s.page(m, whole.story)), kind: markup})
	packed = append(packed, page)
	m.close()
	return m, pack(out, s, m, packed)
}
