package check

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"muster/internal/fix"
)

// bootstrapChecks look at what muster itself did on this instance.
func bootstrapChecks(w World) []Check {
	return []Check{
		{ID: "bootstrap", Group: Instance, Title: "muster bootstrap has configured this instance", Run: w.bootstrap, Findings: []string{"bootstrap-failed"}},
	}
}

// bootReport is what of the report of a boot says that bootstrap failed.
type bootReport struct {
	Cause struct {
		ID      string  `json:"id"`
		Summary string  `json:"summary"`
		Fix     fix.Fix `json:"fix"`
	} `json:"cause"`
	StartedAt time.Time `json:"started_at"`
}

func (w World) bootstrap(context.Context) []Finding {
	if w.Config == nil {
		return Skipped("the settings are not known")
	}
	path := w.Config.ReportPath(cmp.Or(w.Identity.InstanceID, "unknown")) // as bootstrap names it
	report, err := readReport(path)
	switch failed := report.Cause.ID == "bootstrap-failed"; {
	case err != nil:
		return CouldNotLook(err, fix.Fix{})
	case failed && report.StartedAt.After(w.Record.At):
		return []Finding{{ID: "bootstrap-failed", Status: Fail, Summary: "muster bootstrap failed: " + report.Cause.Summary, Fix: report.Cause.Fix,
			Evidence: []string{fmt.Sprintf("%s, of %s", path, report.StartedAt.Format(time.RFC3339))}}}
	case w.Record.InstanceID == "":
		return Skipped("muster bootstrap has not run on this instance")
	}
	return Passed("for cluster "+w.Record.Cluster+", from "+w.Record.ClusterOrigin, "at "+w.Record.At.Format(time.RFC3339))
}

// readReport reads the report of a boot; without one it is zero.
func readReport(path string) (report bootReport, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return report, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &report)
	}
	if err != nil {
		return report, fmt.Errorf("reading the report of the boot, %s: %w", path, err)
	}
	return report, nil
}
