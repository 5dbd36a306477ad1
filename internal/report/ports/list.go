package ports

import (
	"fmt"
	"io"
	"strings"

	"muster/internal/term"
	"muster/reach"
)

// List writes the port profiles: the ports that members need between each other, the optional roles, and the source of
// the port numbers.
func List(out io.Writer, style term.Style) error {
	w := term.NewPrinter(out, style)
	for i, p := range reach.Profiles() {
		if i > 0 {
			w.Blank()
		}
		w.Title(term.Bold, p.Name)
		w.Labelled("members", portsOf(p.Needs))
		for _, r := range p.Roles {
			w.Labelled("+"+r.Name, portsOf(r.Needs))
		}
		w.Labelled("source", p.Source)
	}
	return w.Err()
}

func portsOf(needs []reach.Need) string {
	var out []string
	for _, n := range needs {
		out = append(out, fmt.Sprintf("%s %s %s", n.Protocol, n.Ports, n.Role))
	}
	return strings.Join(out, ", ")
}
