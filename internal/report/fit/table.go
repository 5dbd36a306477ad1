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
	w := &writer{out: out, style: style}
	w.line(0, "%s", r.Summary)
	if r.lacks && !r.Fits() {
		w.labelled("why", r.why()...)
	}
	w.labelled("fix", r.fixes()...)
	w.printEvent(r.Event)
	for _, n := range r.Notes {
		w.line(0, "note: %s", n)
	}
	w.text("\n" + r.needs() + "\n")
	w.labelled("used", r.used()...)
	w.text("\n")
	w.text(r.zoneTable())
	w.instances(r.Instances)
	return w.err
}

// why returns what is missing on the instance that lacks the least.
func (r *Report) why() []string {
	i := r.closest.Instance
	out := []string{fmt.Sprintf("closest is %s in %s:", i.Name(), orDash(i.Zone))}
	for _, m := range r.closest.Missing {
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

func (r *Report) fixes() []string {
	if len(r.Changes) == 0 {
		return nil
	}
	out := []string{"Do one of these:"}
	if len(r.Changes) == 1 {
		out = nil
	}
	for _, c := range r.Changes {
		out = append(out, fmt.Sprintf("%s%s (then %s)", strings.ToUpper(c.Text[:1]), c.Text[1:], plural.Of(c.Copies, "copy fits", "copies fit")))
		for _, t := range c.Tasks {
			out = append(out, fmt.Sprintf("  %s reserves %d CPU units and %d MiB", t.Group, t.CPU, t.Memory),
				fmt.Sprintf("  aws ecs stop-task --cluster %s --task %s --region %s", r.Cluster, t.ARN, r.Region))
		}
	}
	return out
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

// writer keeps the first write error.
type writer struct {
	out   io.Writer
	style term.Style
	err   error
}

func (w *writer) text(text string) {
	if w.err == nil {
		_, w.err = io.WriteString(w.out, text)
	}
}

// line writes a wrapped line. It escapes control characters, because names chosen by others could move the cursor.
func (w *writer) line(indent int, format string, args ...any) {
	text := w.style.Text(fmt.Sprintf(format, args...))
	if !strings.HasPrefix(strings.TrimSpace(text), "aws ") { // a command is never wrapped
		lead := len(text) - len(strings.TrimLeft(text, " "))
		text = text[:lead] + w.style.Wrap(indent+lead, text[lead:])
	}
	w.text(text + "\n")
}

func (w *writer) labelled(label string, lines ...string) {
	for _, l := range lines {
		w.text(fmt.Sprintf("  %-5s", label))
		w.line(7, "%s", l)
		label = ""
	}
}

func (w *writer) printEvent(e *Event) {
	if e == nil {
		return
	}
	who := ""
	if e.Closest != "" {
		who = "the closest matching container-instance " + e.Closest + " "
	}
	w.text("\n")
	w.line(0, "ECS at %s: %s%s", e.At.UTC().Format(time.RFC3339), who, e.Text)
	switch {
	case e.Closest == "":
	case e.Instance == "":
		w.labelled("now", "that container instance is no longer in the cluster")
	case len(e.Now) == 0:
		w.labelled("now", "that is "+e.Instance+", and a copy fits on it now")
	default:
		w.labelled("now", "that is "+e.Instance+":")
		for _, m := range e.Now {
			w.labelled("", "  "+line(m))
		}
	}
}

// instances writes a row for each instance, followed by what is missing on it.
func (w *writer) instances(all []Instance) {
	var rows strings.Builder
	t := tabwriter.NewWriter(&rows, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "instance\tzone\ttype\tCPU free\tMiB free\tcopies")
	for _, i := range all[:min(len(all), shown)] {
		_, _ = fmt.Fprintln(t, term.Row(i.ID, orDash(i.Zone), orDash(i.Type), fmt.Sprintf("%d/%d", i.Free.CPU, i.Registered.CPU),
			fmt.Sprintf("%d/%d", i.Free.Memory, i.Registered.Memory), copies(i.Copies, i.Open)))
	}
	_ = t.Flush() // memory buffers never fail
	w.text("\n")
	n := -1 // the header
	for row := range strings.Lines(rows.String()) {
		w.text(strings.TrimRight(row, " \n") + "\n")
		if n >= 0 {
			for _, m := range all[n].Missing {
				w.line(0, "    %s", line(m))
			}
		}
		n++
	}
	if more := len(all) - shown; more > 0 {
		w.line(0, "and %s: --output json lists all", plural.Count(more, "more instance"))
	}
}
