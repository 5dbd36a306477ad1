package report

import (
	"fmt"
	"io"

	"muster/internal/file/jsonfile"
	"muster/internal/term"

	"muster/check"
)

// Short writes one line per check for scripts, with tabs between the fields. The fields are the status, the check's ID,
// the ID of its worst finding, and that finding's summary.
func (r *Report) Short(out io.Writer) error {
	for _, c := range r.Checks {
		worst := check.Finding{ID: c.ID, Summary: c.Title}
		if len(c.Findings) > 0 {
			worst = c.Findings[0]
		}
		if _, err := fmt.Fprintln(out, term.Row(string(c.Status), c.ID, worst.ID, worst.Summary)); err != nil {
			return err
		}
	}
	return nil
}

// JSON writes the report as JSON.
func (r *Report) JSON(out io.Writer) error {
	return jsonfile.Print(out, r)
}
