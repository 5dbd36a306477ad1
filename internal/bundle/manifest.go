package bundle

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"time"

	"muster/internal/redact"
)

// Manifest lists what is in a bundle and what is not. Fields are only ever added.
type Manifest struct {
	Schema     int        `json:"schema"`
	Muster     string     `json:"muster"` // version
	InstanceID string     `json:"instance_id"`
	At         time.Time  `json:"at"`
	Files      []Entry    `json:"files"`
	LeftOut    []Omission `json:"left_out"`
	Masked     []Masked   `json:"masked"` // over all files
	Failed     []Failure  `json:"failed"`
}

const manifestSchema = 1

// Entry is one file.
type Entry struct {
	Name   string         `json:"name"`
	Size   int            `json:"size"` // bytes
	Source string         `json:"source"`
	Cut    bool           `json:"cut,omitempty"`    // only the end of it is here
	Masked map[string]int `json:"masked,omitempty"` // places, by rule
}

// Omission is what is in no bundle, or not in this one.
type Omission struct {
	What string `json:"what"`
	Rule string `json:"rule"` // stable, kebab-case
}

// Masked is how often a rule masked something.
type Masked struct {
	redact.Rule
	Places int `json:"places"`
}

// Failure is an error of one collector.
type Failure struct {
	Collector string `json:"collector"`
	Error     string `json:"error"`
}

// leftOut lists what the bundle does not hold, and why.
func (o Options) leftOut() []Omission {
	out := []Omission{
		{"the environment, the command and foreign labels of containers", "containers-bare"},
		{"values in ecs.config of keys that muster does not know as harmless", "ecs-config-allowlist"},
		{"the text of unit files and the environment of units", "units-state-only"},
		{"/etc/muster/muster.env: settings.json has its settings, masked", "settings-masked"},
		{"more than the last 1 MiB of a log", "log-bound"},
	}
	for _, c := range collectors() {
		if !o.wants(c) {
			out = append(out, Omission{c.what + "; ask for it with --include " + c.name, "only-on-request"})
		}
	}
	return out
}

// mask takes the secrets out of a file, and enters it. Nothing gets into a
// bundle but through here.
func (m *Manifest) mask(f file) file {
	var filter redact.Filter
	switch f.kind {
	case object:
		f.data = filter.JSON(f.data)
	case markup:
		f.data = maskMarkup(&filter, f.data)
	default:
		var out bytes.Buffer
		_ = filter.Copy(&out, bytes.NewReader(f.data)) // neither side can fail
		f.data = out.Bytes()
	}
	m.Files = append(m.Files, Entry{f.name, len(f.data), f.source, f.cut, filter.Hits})
	return f
}

// close masks the words of others in the manifest itself, and sums up.
func (m *Manifest) close() {
	var filter redact.Filter
	for i, f := range m.Failed {
		var masked strings.Builder
		_ = filter.Copy(&masked, strings.NewReader(f.Error)) // neither side can fail
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
