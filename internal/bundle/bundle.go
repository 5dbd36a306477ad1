// Package bundle packs the diagnostic data of an instance into one file to share: the results of the checks, an HTML
// report, the ends of logs, and information about the host. It decides what to include; package redact recognizes
// secrets. It does not look for causes and makes no AWS API calls.
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

// Introspection is the client of the ECS agent's introspection server.
type Introspection interface {
	Metadata(ctx context.Context) (ecsagent.Metadata, error)
	Tasks(ctx context.Context) ([]ecsagent.Task, error)
}

// Engine is a read-only client of the Docker Engine.
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

// Source holds the data for a bundle. Sources that are nil are skipped.
type Source struct {
	Version    string // of muster
	InstanceID string // empty if unknown
	At         time.Time
	Config     *config.Config

	Results []check.Result
	JSON    func(io.Writer) error         // writes the results like muster debug --output json
	Page    func(id string) (text string) // returns the page from docs/checks, or "" if there is none
	Ports   *ports.Report

	Agent  Introspection
	Engine Engine
	Units  func(context.Context) (Units, error)
}

// Of returns the Source for this instance, without the check results.
func Of(i *instance.Instance, version string) Source {
	s := Source{Version: version, InstanceID: i.Identity.InstanceID, At: time.Now(), Config: i.Config, Agent: i.Introspection()}
	if units.Booted(i.Config.Root) && !i.Elsewhere() {
		s.Units = func(ctx context.Context) (Units, error) { return i.Systemd(ctx) }
	}
	return s
}

// Options select what to include in addition to the default.
type Options struct {
	Include []string // names from Extras
}

// The Extras are left out by default, because they often contain secrets.
const (
	UserData     = "user-data"
	CloudInitLog = "cloud-init-log"
)

// Extras lists what Options may include.
func Extras() []string { return []string{UserData, CloudInitLog} }

// Check returns an error if Include contains an unknown name.
func (o Options) Check() error {
	for _, name := range o.Include {
		if slices.Contains(Extras(), name) {
			continue
		}
		hint := nearest.Hint(name, Extras(), "the options are "+strings.Join(Extras(), " and "))
		return fmt.Errorf("cannot include %q in the bundle: %s", name, hint)
	}
	return nil
}

// Collect writes the bundle to out as a gzipped tar, and returns its manifest. A collector that fails, hangs or panics
// is listed in the manifest. The error covers only writing the bundle.
func Collect(ctx context.Context, s Source, out io.Writer, o Options) (Manifest, error) {
	whole := gather(ctx, s, o)
	m := Manifest{Schema: manifestSchema, Muster: s.Version, InstanceID: s.InstanceID, At: s.At.UTC().Truncate(time.Second),
		LeftOut: o.leftOut(), Failed: whole.failed}
	var packed []file
	for _, f := range whole.files {
		f.source = strings.TrimPrefix(f.source, strings.TrimSuffix(s.Config.Root, "/"))
		packed = append(packed, m.mask(f))
	}
	page := m.mask(file{name: "report.html", source: "muster, from the other files", data: []byte(s.html(m, whole.story)), kind: markup})
	packed = append(packed, page)
	m.close()
	return m, pack(out, s, m, packed)
}
