package bootstrap

import (
	"cmp"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"muster/bootstrap/bootreport"
)

func (r *run) report() bootreport.Report {
	return bootreport.Report{
		Schema:        bootreport.Schema,
		InstanceID:    r.Identity.InstanceID,
		Region:        r.Identity.Region,
		StartedAt:     r.started.UTC(),
		Cluster:       r.wanted.Text,
		ClusterOrigin: r.origin,
	}
}

// lastReport returns the report of an earlier run on this instance, or the zero Report if there is none or it cannot be
// read.
func (r *run) lastReport() bootreport.Report {
	report, err := bootreport.Read(r.Config.ReportPath(r.Identity.InstanceID))
	if err != nil || report.InstanceID != r.Identity.InstanceID {
		return bootreport.Report{}
	}
	return report
}

// publish writes the report and the console line. Failures are only logged, because the outcome does not depend on
// them.
func (r *run) publish(report bootreport.Report) {
	path := r.Config.ReportPath(cmp.Or(r.Identity.InstanceID, "unknown"))
	if err := report.Write(path); err != nil {
		r.warn("report", "%v", err)
	} else {
		r.info("report", "%s", path)
	}
	if r.Config.Console == "" {
		return
	}
	if err := writeConsole(r.Config.Path(r.Config.Console), report.Line()); err != nil {
		r.warn("console", "%v", err)
	}
}

// writeConsole writes one line. It never blocks for long, even if the console is a stopped terminal or a pipe without a
// reader.
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
