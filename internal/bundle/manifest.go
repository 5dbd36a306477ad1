package bundle

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"time"

	"muster/internal/redact"
)

// Manifest lists what a bundle contains and what was left out. Fields may be added but are never removed or renamed.
type Manifest struct {
	Schema     int        `json:"schema"`
	Muster     string     `json:"muster"` // version of muster
	InstanceID string     `json:"instance_id"`
	At         time.Time  `json:"at"`
	Files      []Entry    `json:"files"`
	LeftOut    []Omission `json:"left_out"`
	Masked     []Masked   `json:"masked"` // totals for all files
	Failed     []Failure  `json:"failed"`
}

const manifestSchema = 1

// Entry describes one file.
type Entry struct {
	Name   string         `json:"name"`
	Size   int            `json:"size"` // bytes
	Source string         `json:"source"`
	Cut    bool           `json:"cut,omitempty"`    // the file contains only the end of the original
	Masked map[string]int `json:"masked,omitempty"` // number of masked secrets, by rule
}

// Omission describes data that is never included, or not included in this bundle.
type Omission struct {
	What string `json:"what"`
	Rule string `json:"rule"` // stable, kebab-case
}

// Masked is the number of secrets that a rule masked.
type Masked struct {
	redact.Rule
	Places int `json:"places"`
}

// Failure is an error of one collector.
type Failure struct {
	Collector string `json:"collector"`
	Error     string `json:"error"`
}

// leftOut lists the data that is not in the bundle, and why.
func (o Options) leftOut() []Omission {
	out := []Omission{
		{"the environment, command and non-ECS labels of containers", "containers-bare"},
		{"values of ecs.config keys that may hold secrets", "ecs-config-allowlist"},
		{"the text of unit files and the environment of units", "units-state-only"},
		{"/etc/muster/muster.env: settings.json has its settings, masked", "settings-masked"},
		{"more than the last 1 MiB of a log", "log-bound"},
	}
	for _, c := range collectors() {
		if !o.wants(c) {
			out = append(out, Omission{c.what + "; add it with --include " + c.name, "only-on-request"})
		}
	}
	return out
}

// mask masks the secrets in a file and adds the file to the manifest. Every file in a bundle must pass through this
// function.
func (m *Manifest) mask(f file) file {
	var filter redact.Filter
	switch f.kind {
	case object:
		f.data = filter.JSON(f.data)
	case markup:
		f.data = maskMarkup(&filter, f.data)
	default:
		var out bytes.Buffer
		_ = filter.Copy(&out, bytes.NewReader(f.data)) // reading and writing memory cannot fail
		f.data = out.Bytes()
	}
	m.Files = append(m.Files, Entry{f.name, len(f.data), f.source, f.cut, filter.Hits})
	return f
}

// close masks secrets in the manifest's own error messages, and computes the totals.
func (m *Manifest) close() {
	var filter redact.Filter
	for i, f := range m.Failed {
		var masked strings.Builder
		_ = filter.Copy(&masked, strings.NewReader(f.Error)) // reading and writing memory cannot fail
		m.Failed[i].Error = strings.ReplaceAll(masked.String(), "\n", "; ")
	}
	sum := maps.Clone(filter.Hits)
	if sum == nil {
		sum = map[string]int{}
	}
	for _, f := range m.Files {
		for id, n := range f.Masked {
			sum[id] += n
		}
	}
	m.Masked = []Masked{}
	for _, r := range redact.Rules() {
		if n := sum[r.ID]; n > 0 && !slices.ContainsFunc(m.Masked, func(is Masked) bool { return is.ID == r.ID }) {
			m.Masked = append(m.Masked, Masked{r, n})
		}
	}
	slices.SortFunc(m.Files, func(a, b Entry) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	if m.Failed == nil {
		m.Failed = []Failure{}
	}
}
