package agentstate

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"muster/internal/base/fix"
	"muster/internal/base/gate"
)

// Gate is the attribute of the container instance that says whether its ports are open.
type Gate struct {
	Attribute string    `json:"attribute"`
	Value     string    `json:"value,omitempty"`  // open or closed, if this process has set it
	Since     time.Time `json:"since,omitzero"`   // when it set it
	Ports     string    `json:"ports,omitempty"`  // result of the last check: open, closed or undecided
	Checked   time.Time `json:"checked,omitzero"` // time of the last check
	Why       string    `json:"why,omitempty"`    // why the attribute was not set to that result
}

// line returns text such as "muster.ports=open (set 3h00m ago); the ports were open 12m ago".
func (g *Gate) line(now time.Time) string {
	if g == nil {
		return ""
	}
	text := g.Attribute + ": not set since muster-agent started"
	if g.Value != "" {
		text = fmt.Sprintf("%s=%s (set %s ago)", g.Attribute, g.Value, age(now, g.Since))
	}
	switch {
	case g.failed():
		return text + "; NOT SET to " + g.Ports + ": " + g.Why
	case g.Checked.IsZero():
		return text + "; " + cmp.Or(g.Why, "the ports have not been checked yet")
	}
	text += fmt.Sprintf("; the ports were %s %s ago", g.Ports, age(now, g.Checked))
	switch g.Ports {
	case g.Value:
		return text
	case "open", "closed":
		return text + ", and are checked again before it is set"
	}
	return text + ", so it is unchanged: " + cmp.Or(g.Why, "sudo muster ports shows what is unknown")
}

// failed reports whether setting the attribute was tried and failed.
func (g *Gate) failed() bool {
	return g != nil && g.Why != "" && (g.Ports == "open" || g.Ports == "closed") && g.Ports != g.Value
}

// problem returns what is wrong if setting the attribute failed, or "".
func (g *Gate) problem() (text, why string, to fix.Fix) {
	if !g.failed() {
		return "", "", fix.Fix{}
	}
	to = fix.Do("Allow ecs:PutAttributes in the instance role, as packaging/iam/gate.json does. muster-agent sets the attribute at its " +
		"next check.")
	if strings.HasPrefix(g.Why, gate.Unconfirmed) {
		to = fix.Do("Find out whether ECS knows this instance:", "sudo muster debug")
	}
	return fmt.Sprintf("attribute %s of this container instance was not set to %s", g.Attribute, g.Ports), g.Why, to
}
