package fit

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"muster/internal/base/plural"
	"muster/internal/fleet/fit"
	"muster/internal/term"
)

// shown is the maximum number of instances in the table. The JSON contains all of them.
const shown = 50

// Table writes the report as text: the verdict, why and what to change, then the instances.
func (r *Report) Table(out io.Writer, style term.Style) error {
	p := term.NewPrinter(out, style)
	p.Line(r.Summary)
	if r.lacks && !r.Fits() {
		p.Labelled("why", r.why()...)
	}
	r.fixes(p)
	printEvent(p, r.Event)
	for _, n := range r.Notes {
		p.Note(n)
	}
	p.Blank()
	p.Line(r.needs())
	p.Labelled("used", r.used()...)
	p.Blank()
	p.Print(r.zoneTable())
	instances(p, r.Instances)
	return p.Err()
}

// why returns what is missing on the instance that lacks the least.
func (r *Report) why() []string {
	i := r.closest.Instance
	return append([]string{fmt.Sprintf("closest is %s in %s:", i.Name(), orDash(i.Zone))}, lines(r.closest.Missing)...)
}

// lines returns what is missing, indented below a first line.
func lines(all []fit.Missing) (out []string) {
	for _, m := range all {
		out = append(out, "  "+line(m))
	}
	return out
}

func line(m fit.Missing) string {
	if m.Unknown {
		return "unknown: " + m.Text
	}
	return m.Text
}

// fixes writes the changes that help. One of them is enough.
func (r *Report) fixes(p *term.Printer) {
	label := "fix"
	if len(r.Changes) > 1 {
		p.Labelled(label, "Do one of these:")
		label = ""
	}
	for _, c := range r.Changes {
		p.Labelled(label, fmt.Sprintf("%s%s (then %s)", strings.ToUpper(c.Text[:1]), c.Text[1:], plural.Of(c.Copies, "copy fits", "copies fit")))
		label = ""
		for _, t := range c.Tasks {
			p.Labelled("", fmt.Sprintf("  %s reserves %d CPU units and %d MiB", t.Group, t.CPU, t.Memory))
			p.Verbatim("", fmt.Sprintf("  aws ecs stop-task --cluster %s --task %s --region %s", r.Cluster, t.ARN, r.Region))
		}
	}
}

// needs returns text such as "a copy reserves 256 CPU units and 512 MiB of memory".
func (r *Report) needs() string {
	text := fmt.Sprintf("a copy reserves %d CPU units, %d MiB of memory", r.Needs.CPU, r.Needs.Memory)
	if r.Needs.GPU > 0 {
		text += ", " + plural.Count(r.Needs.GPU, "GPU")
	}
	if r.Needs.ENI > 0 {
		text += ", 1 network interface"
	}
	if len(r.HostPorts) > 0 {
		text += ", host port " + strings.Join(r.HostPorts, ", ")
	}
	return text
}

// spare is the share of the highest use that docs/guides/resources.md adds to it for a limit.
const spare = 0.25

// used returns what the tasks of the service used, against what they reserve.
func (r *Report) used() (out []string) {
	u := r.Used
	switch {
	case u == nil:
		return nil
	case u.Memory == nil:
		out = []string{"memory: unknown: " + u.Unknown}
	case u.MiB == nil:
		out = []string{fmt.Sprintf("memory: at most %.0f%% of a container's limit in %s with data", *u.Memory, plural.Count(u.Hours, "hour"))}
	default:
		text := fmt.Sprintf("memory: at most %d MiB, %.0f%% of the limit, in %s with data", *u.MiB, *u.Memory, plural.Count(u.Hours, "hour"))
		if enough := int(float64(*u.MiB) * (1 + spare)); enough < r.Needs.Memory {
			text += fmt.Sprintf("; %d MiB would leave a quarter to spare", enough)
		}
		out = []string{text}
	}
	if u.Throttled != nil {
		out = append(out, fmt.Sprintf("CPU: throttled in at most %.0f%% of the periods", *u.Throttled))
	}
	return out
}

func (r *Report) zoneTable() string {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "zone\tinstances\tcopies")
	for _, z := range r.Zones {
		_, _ = fmt.Fprintf(w, "%s\t%d\t%s\n", term.OneLine(orDash(z.Name)), z.Instances, copies(z.Copies, z.Open))
	}
	_, _ = fmt.Fprintf(w, "all\t%d\t%s\n", len(r.Instances), copies(r.Copies, r.Open))
	_ = w.Flush() // memory buffers never fail
	return out.String()
}

// copies returns text such as "2", or "2+?" if more may fit.
func copies(n int, open bool) string {
	switch {
	case open && n == 0:
		return "?"
	case open:
		return fmt.Sprintf("%d+?", n)
	case n >= fit.MaxCopies:
		return fmt.Sprintf("%d+", n)
	}
	return fmt.Sprint(n)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func printEvent(p *term.Printer, e *Event) {
	if e == nil {
		return
	}
	who := ""
	if e.Closest != "" {
		who = "the closest matching container-instance " + e.Closest + " "
	}
	p.Blank()
	p.Line(fmt.Sprintf("ECS at %s: %s%s", e.At.UTC().Format(time.RFC3339), who, e.Text))
	switch {
	case e.Closest == "":
	case e.Instance == "":
		p.Labelled("now", "that container instance is no longer in the cluster")
	case len(e.Now) == 0:
		p.Labelled("now", "that is "+e.Instance+", and a copy fits on it now")
	default:
		p.Labelled("now", append([]string{"that is " + e.Instance + ":"}, lines(e.Now)...)...)
	}
}

// instances writes a row for each instance, followed by what is missing on it.
func instances(p *term.Printer, all []Instance) {
	var rows strings.Builder
	t := tabwriter.NewWriter(&rows, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "instance\tzone\ttype\tCPU free\tMiB free\tcopies")
	for _, i := range all[:min(len(all), shown)] {
		_, _ = fmt.Fprintln(t, term.Row(i.ID, orDash(i.Zone), orDash(i.Type), fmt.Sprintf("%d/%d", i.Free.CPU, i.Registered.CPU),
			fmt.Sprintf("%d/%d", i.Free.Memory, i.Registered.Memory), copies(i.Copies, i.Open)))
	}
	_ = t.Flush() // memory buffers never fail
	p.Blank()
	n := -1 // the header
	for row := range strings.Lines(rows.String()) {
		p.Print(strings.TrimRight(row, " \n") + "\n")
		if n >= 0 {
			for _, m := range all[n].Missing {
				p.Line("    " + line(m))
			}
		}
		n++
	}
	if more := len(all) - shown; more > 0 {
		p.Line("and " + plural.Count(more, "more instance") + ": --output json lists all")
	}
}
