package bootstrap

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"muster/internal/exitcode"
	"muster/internal/fix"
	"muster/internal/jsonfile"
	"muster/internal/term"
)

// Outcome is how a boot ended, in one word.
type Outcome string

// The outcomes.
const (
	Registered    Outcome = "registered"
	NotRegistered Outcome = "not-registered"
	PortsClosed   Outcome = "ports-closed"  // registered, but peers cannot be reached, and the policy is to fail
	Deferred      Outcome = "deferred"      // in a warm pool
	Undetermined  Outcome = "undetermined"  // muster could not look
	Misconfigured Outcome = "misconfigured" // the settings cannot be right
)

// outcomeOf is the outcome of a run that ended with err before it could see
// whether the instance registers.
func outcomeOf(err error) Outcome {
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
	// Remedy is Fix in one text, for readers of JSON from before there was Fix.
	Remedy string `json:"remedy"`
}

// newCause is a Cause with its fix in both forms.
func newCause(id, summary string, to fix.Fix) *Cause { return &Cause{id, summary, to, to.String()} }

// Delivery is one word sent to somebody who waits for this instance.
type Delivery struct {
	To    string `json:"to"`
	What  string `json:"what"`
	Error string `json:"error,omitempty"` // empty: it arrived
}

// Report is the verdict over a boot, as verify writes it in JSON. Fields are
// only ever added.
type Report struct {
	Schema               int        `json:"schema"`
	InstanceID           string     `json:"instance_id"`
	Region               string     `json:"region"`
	Cluster              string     `json:"cluster"` // that it was to join
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

const reportSchema = 1

func (r *run) report() Report {
	return Report{Schema: reportSchema, InstanceID: r.id.InstanceID, Region: r.id.Region, StartedAt: r.started.UTC(),
		Cluster: r.wanted.Text, ClusterOrigin: r.origin}
}

// Line is the report in one line.
func (report Report) Line() string { return term.OneLine(report.line()) }

func (report Report) line() string {
	id := cmp.Or(report.InstanceID, "this instance")
	switch report.Outcome {
	case Registered:
		return fmt.Sprintf("muster: %s registered in cluster %s after %.0fs", id, report.Cluster, report.WaitedSeconds)
	case Deferred:
		return fmt.Sprintf("muster: %s deferred: %s", id, report.Reason)
	case NotRegistered:
		return fmt.Sprintf("muster: %s did NOT register in cluster %s: %s", id, cmp.Or(report.Cluster, "(none named)"), report.summary())
	case PortsClosed:
		return fmt.Sprintf("muster: %s registered in cluster %s, but: %s", id, report.Cluster, report.summary())
	default:
		return fmt.Sprintf("muster: %s is %s: %s", id, report.Outcome, report.summary())
	}
}

func (report Report) summary() string {
	if report.Cause != nil {
		return report.Cause.Summary
	}
	return report.Reason
}

// Err is nil for an instance that registered and whose word arrived, else an
// error with the exit code.
func (report Report) Err() error {
	switch {
	case report.ExitCode == exitcode.Healthy:
		return nil
	case report.Cause != nil:
		return exitcode.Wrap(report.ExitCode, fix.Wrap(errors.New(report.Reason+": "+strings.TrimSuffix(report.Cause.Summary, ".")), report.Cause.Fix))
	default:
		return exitcode.Wrap(report.ExitCode, errors.New(report.Reason))
	}
}

// lastReport is the report of an earlier run on this instance; the zero Report
// without one that can be read.
func (r *run) lastReport() Report {
	var report Report
	data, err := os.ReadFile(r.cfg.ReportPath(r.id.InstanceID))
	if err != nil || json.Unmarshal(data, &report) != nil || report.InstanceID != r.id.InstanceID {
		return Report{}
	}
	return report
}

// publish writes the report and the console's line. Neither decides anything,
// so a failure is only told.
func (r *run) publish(report Report) {
	path := r.cfg.ReportPath(cmp.Or(r.id.InstanceID, "unknown"))
	if err := jsonfile.Write(path, report, 0o644); err != nil {
		r.warn("report", "%v", err)
	} else {
		r.say("report", "%s", path)
	}
	if r.cfg.Console == "" {
		return
	}
	if err := writeConsole(r.cfg.Path(r.cfg.Console), report.Line()); err != nil {
		r.warn("console", "%v", err)
	}
}

// writeConsole writes one line. The console may be a terminal that is stopped
// or a pipe without a reader: it is never waited for.
func writeConsole(path, line string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return fmt.Errorf("writing to the console: %w", err)
	}
	defer file.Close()
	_ = file.SetWriteDeadline(time.Now().Add(time.Second))
	if _, err := file.WriteString(line + "\r\n"); err != nil {
		return fmt.Errorf("writing to the console: %w", err)
	}
	return nil
}
