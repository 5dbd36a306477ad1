package ports

import (
	"fmt"
	"io"
	"strings"

	"muster/reach"
)

// List writes the port profiles: the ports that members need between each other, the optional roles, and the source of
// the port numbers.
func List(out io.Writer) error {
	w := &printer{out: out}
	for i, p := range reach.Profiles() {
		if i > 0 {
			w.line("")
		}
		w.line("%s", p.Name)
		w.line("  members  %s", portsOf(p.Needs))
		for _, r := range p.Roles {
			w.line("  +%-7s %s", r.Name, portsOf(r.Needs))
		}
		w.line("  source   %s", p.Source)
	}
	return w.err
}

func portsOf(needs []reach.Need) string {
	var out []string
	for _, n := range needs {
		out = append(out, fmt.Sprintf("%s %s %s", n.Protocol, n.Ports, n.Role))
	}
	return strings.Join(out, ", ")
}
