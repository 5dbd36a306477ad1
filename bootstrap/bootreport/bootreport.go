// Package bootreport is the report of one boot: report.json, which bootstrap and
// verify write and which check and the bundle read. It holds the type, the file
// and the one-line form; how the outcome is found is package bootstrap's.
package bootreport

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"muster/internal/base/exitcode"
	"muster/internal/base/fix"
	"muster/internal/file/jsonfile"
	"muster/internal/file/safefile"
	"muster/internal/term"
)

// Schema is the version of the file's format.
const Schema = 1

// maxSize bounds what Read takes in. A real report has a few kilobytes.
const maxSize = 1 << 20

// Outcome is how a boot ended, in one word.
type Outcome string

// The outcomes.
const (
	Registered    Outcome = "registered"
	NotRegistered Outcome = "not-registered"
	PortsClosed   Outcome = "ports-closed"  // registered, but peers cannot be reached, and the policy is to fail
	Deferred      Outcome = "deferred"      // in a warm pool
	Undetermined  Outcome = "undetermined"  // muster could not check
	Misconfigured Outcome = "misconfigured" // the settings cannot be right
)

// OutcomeOf is the outcome of a run that failed with err before it could check
// whether the instance registers.
func OutcomeOf(err error) Outcome {
	switch exitcode.Of(err) {
	case exitcode.BadConfiguration, exitcode.Usage:
		return Misconfigured
	case exitcode.Undetermined, exitcode.Interrupted:
		return Undetermined
	default:
		return NotRegistered
	}
}

// Cause is why an instance did not register, as far as it can be seen on it.
type Cause struct {
	ID      string  `json:"id"` // stable, kebab-case
	Summary string  `json:"summary"`
	Fix     fix.Fix `json:"fix,omitzero"`
	// Remedy is Fix as one text, for readers of JSON from before there was Fix.
	Remedy string `json:"remedy"`
}

// NewCause is a Cause with its fix in both forms.
func NewCause(id, summary string, to fix.Fix) *Cause { return &Cause{id, summary, to, to.String()} }

// Delivery is one signal to CloudFormation or Auto Scaling.
type Delivery struct {
	To    string `json:"to"`
	What  string `json:"what"`
	Error string `json:"error,omitempty"` // empty: delivered
	// Temporary: Error may pass, and muster-verify.service tries again a minute later.
	Temporary bool `json:"temporary,omitempty"`
	// Fix is what to do about Error, where that is known.
	Fix fix.Fix `json:"fix,omitzero"`
}

// Report is the report of one boot. Fields are only ever added.
type Report struct {
	Schema               int        `json:"schema"`
	InstanceID           string     `json:"instance_id"`
	Region               string     `json:"region"`
	Cluster              string     `json:"cluster"` // the one to join
	ClusterOrigin        string     `json:"cluster_origin,omitempty"`
	Outcome              Outcome    `json:"outcome"`
	ExitCode             int        `json:"exit_code"`
	Reason               string     `json:"reason"`
	Cause                *Cause     `json:"cause,omitempty"`
	Evidence             []string   `json:"evidence,omitempty"`
	ContainerInstanceARN string     `json:"container_instance_arn,omitempty"`
	AgentVersion         string     `json:"agent_version,omitempty"`
	Confirmed            bool       `json:"confirmed"` // by the ECS API
	Warnings             []string   `json:"warnings,omitempty"`
	Deliveries           []Delivery `json:"deliveries,omitempty"`
	StartedAt            time.Time  `json:"started_at"`
	WaitedSeconds        float64    `json:"waited_seconds"`
	AWSCalls             int        `json:"aws_calls"`
}

// Failed reports whether the instance is known not to be ready. What muster could
// not check never counts as that.
func (r Report) Failed() bool {
	return r.Outcome == NotRegistered || r.Outcome == Misconfigured || r.Outcome == PortsClosed
}

// Undelivered returns the signals that did not arrive.
func (r Report) Undelivered() []Delivery {
	return slices.DeleteFunc(slices.Clone(r.Deliveries), func(d Delivery) bool { return d.Error == "" })
}

// Line is the report in one line.
func (r Report) Line() string { return term.OneLine(r.line()) }

func (r Report) line() string {
	id := cmp.Or(r.InstanceID, "this instance")
	if r.ExitCode == exitcode.SignalUndelivered {
		return fmt.Sprintf("muster: %s %s", id, r.Reason)
	}
	switch r.Outcome {
	case Registered:
		return fmt.Sprintf("muster: %s registered in cluster %s after %.0fs", id, r.Cluster, r.WaitedSeconds)
	case Deferred:
		return fmt.Sprintf("muster: %s deferred: %s", id, r.Reason)
	case NotRegistered:
		return fmt.Sprintf("muster: %s did NOT register in cluster %s: %s", id, cmp.Or(r.Cluster, "(none named)"), r.summary())
	case PortsClosed:
		return fmt.Sprintf("muster: %s registered in cluster %s, but: %s", id, r.Cluster, r.summary())
	default:
		return fmt.Sprintf("muster: %s is %s: %s", id, r.Outcome, r.summary())
	}
}

func (r Report) summary() string {
	if r.Cause != nil {
		return r.Cause.Summary
	}
	return r.Reason
}

// maxWhy is how many lines of evidence Err carries; the report has all.
const maxWhy = 12

// Err is nil for an instance that registered and whose signals were delivered, else
// an error with the exit code, the evidence and the fix. Its text is the cause where
// there is one.
func (r Report) Err() error {
	switch undelivered := r.Undelivered(); {
	case r.ExitCode == exitcode.Healthy:
		return nil
	case r.Cause != nil:
		summary := strings.TrimSuffix(r.Cause.Summary, ".")
		return exitcode.Wrap(r.ExitCode, fix.Because(errors.New(summary), r.why(summary), r.Cause.Fix))
	case r.ExitCode == exitcode.SignalUndelivered && len(undelivered) > 0:
		var why []string
		for _, d := range undelivered {
			why = append(why, fmt.Sprintf("%s: %s not delivered: %s", d.To, d.What, d.Error))
		}
		return exitcode.Wrap(r.ExitCode, fix.Because(errors.New(r.Reason), why, undelivered[0].Fix))
	default:
		return exitcode.Wrap(r.ExitCode, errors.New(r.Reason))
	}
}

// why is the reason and the evidence, without what the summary says already.
func (r Report) why(summary string) []string {
	said := func(line string) bool { return strings.TrimSuffix(line, ".") == summary }
	lines := slices.DeleteFunc(append([]string{r.Reason}, r.Evidence...), said)
	if more := len(lines) - maxWhy; more > 0 {
		lines = append(lines[:maxWhy:maxWhy], fmt.Sprintf("... (%d more lines in the report)", more))
	}
	return lines
}

// Write replaces the file at path, whole or not at all. Only its owner may read it: it
// quotes ecs.config and the logs of the ECS agent, which are root's.
func (r Report) Write(path string) error { return jsonfile.Write(path, r, 0o600) }

// Read reads the report at path; the zero Report when there is none.
func Read(path string) (Report, error) {
	data, err := load(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Report{}, nil
	}
	var report Report
	if err == nil {
		report, err = decode(data)
	}
	if err != nil {
		return Report{}, fmt.Errorf("reading the boot report %s: %w", path, err)
	}
	return report, nil
}

// load never waits: the path may name a pipe.
func load(path string) ([]byte, error) {
	data, err := safefile.Read(path, maxSize)
	return data, reason(err)
}

// reason is err without the path, which Read names.
func reason(err error) error {
	var e *fs.PathError
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

func decode(data []byte) (Report, error) {
	var report Report
	if err := json.Unmarshal(data, &report); err != nil {
		return Report{}, err
	}
	return report, nil
}
