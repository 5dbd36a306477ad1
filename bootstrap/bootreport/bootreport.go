// Package bootreport defines report.json, the report of one boot: its type, reading and writing the file, and the
// one-line summary. bootstrap and verify write the file; check and bundle read it. Package bootstrap decides the
// outcome.
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

// maxSize is the largest file that Read accepts, in bytes. A real report is a few kilobytes.
const maxSize = 1 << 20

// Outcome is the result of a boot as a single word.
type Outcome string

// The outcomes.
const (
	Registered    Outcome = "registered"
	NotRegistered Outcome = "not-registered"
	PortsClosed   Outcome = "ports-closed" // registered, but peers are unreachable and the policy is to fail
	// ServiceNotHealthy means registered, but no healthy task of --await-service ran in time.
	ServiceNotHealthy Outcome = "service-not-healthy"
	Deferred          Outcome = "deferred"      // the instance is in a warm pool
	Undetermined      Outcome = "undetermined"  // muster could not check
	Misconfigured     Outcome = "misconfigured" // the settings are invalid
)

// OutcomeOf maps err to an outcome. err ended the run before it could check whether the instance registers.
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

// Cause is the most likely reason why an instance did not register, based on what can be seen on the instance itself.
type Cause struct {
	ID      string  `json:"id"` // stable, kebab-case
	Summary string  `json:"summary"`
	Fix     fix.Fix `json:"fix,omitzero"`
	// Remedy is Fix as plain text. It is kept for programs that read the JSON and predate Fix.
	Remedy string `json:"remedy"`
}

// NewCause returns a Cause with both Fix and Remedy set.
func NewCause(id, summary string, to fix.Fix) *Cause { return &Cause{id, summary, to, to.String()} }

// Delivery is one signal to CloudFormation or Auto Scaling.
type Delivery struct {
	To    string `json:"to"`
	What  string `json:"what"`
	Error string `json:"error,omitempty"` // empty if delivered
	// Temporary means that Error may be transient. muster-verify.service retries a minute later.
	Temporary bool `json:"temporary,omitempty"`
	// Fix is how to fix Error, if known.
	Fix fix.Fix `json:"fix,omitzero"`
}

// Report is the report of one boot. Fields may be added but are never removed or renamed.
type Report struct {
	Schema               int        `json:"schema"`
	InstanceID           string     `json:"instance_id"`
	Region               string     `json:"region"`
	Cluster              string     `json:"cluster"` // the cluster to join
	ClusterOrigin        string     `json:"cluster_origin,omitempty"`
	Outcome              Outcome    `json:"outcome"`
	ExitCode             int        `json:"exit_code"`
	Reason               string     `json:"reason"`
	Cause                *Cause     `json:"cause,omitempty"`
	Evidence             []string   `json:"evidence,omitempty"`
	ContainerInstanceARN string     `json:"container_instance_arn,omitempty"`
	AgentVersion         string     `json:"agent_version,omitempty"`
	Confirmed            bool       `json:"confirmed"` // confirmed by the ECS API
	Warnings             []string   `json:"warnings,omitempty"`
	Deliveries           []Delivery `json:"deliveries,omitempty"`
	StartedAt            time.Time  `json:"started_at"`
	WaitedSeconds        float64    `json:"waited_seconds"`
	AWSCalls             int        `json:"aws_calls"`
}

// Failed reports whether the instance is known not to be ready. It is false if muster could not check.
func (r Report) Failed() bool {
	return r.Outcome == NotRegistered || r.Outcome == Misconfigured || r.Outcome == PortsClosed || r.Outcome == ServiceNotHealthy
}

// Undelivered returns the signals that were not delivered.
func (r Report) Undelivered() []Delivery {
	return slices.DeleteFunc(slices.Clone(r.Deliveries), func(d Delivery) bool { return d.Error == "" })
}

// Line returns the report as one line of text.
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
	case PortsClosed, ServiceNotHealthy:
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

// maxWhy is the maximum number of evidence lines in the error that Err returns. The report itself contains all of them.
const maxWhy = 12

// Err returns nil if the instance registered and all signals were delivered. Otherwise it returns an error with the
// exit code, the evidence and the fix. The error text is the cause, if there is one.
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

// why returns the reason and the evidence, without lines that only repeat the summary.
func (r Report) why(summary string) []string {
	said := func(line string) bool { return strings.TrimSuffix(line, ".") == summary }
	lines := slices.DeleteFunc(append([]string{r.Reason}, r.Evidence...), said)
	if more := len(lines) - maxWhy; more > 0 {
		lines = append(lines[:maxWhy:maxWhy], fmt.Sprintf("... (%d more lines in the report)", more))
	}
	return lines
}

// Write replaces the file at path atomically. Only the owner can read the file: it quotes ecs.config and the ECS
// agent's logs, which only root can read.
func (r Report) Write(path string) error { return jsonfile.Write(path, r, 0o600) }

// Read reads the report at path. It returns the zero Report if the file does not exist.
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

// load uses safefile.Read so that it does not block if the path names a pipe.
func load(path string) ([]byte, error) {
	data, err := safefile.Read(path, maxSize)
	return data, reason(err)
}

// reason strips the path from err, because Read adds it.
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
