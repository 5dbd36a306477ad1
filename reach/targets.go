package reach

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// DynamicTarget stands for the ports of containers with hostPort 0.
const DynamicTarget = "dynamic"

// ParseTargets parses the ports that a load balancer connects to, for traffic and health checks: ports and ranges,
// separated by commas. The zero Range in the result stands for DynamicTarget.
func ParseTargets(s string) ([]Range, error) {
	var out []Range
	for word := range strings.SplitSeq(s, ",") {
		word = strings.TrimSpace(word)
		var r Range
		if word != DynamicTarget {
			var err error
			if r, err = ParseRange(word); err == nil && r.First == 0 {
				err = errors.New("port 0 is not a port to connect to")
			}
			if err != nil {
				return nil, fmt.Errorf("%+.80q is neither a port, a range nor %s: %w", word, DynamicTarget, err)
			}
		}
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out, nil
}

// TargetNeed returns the ports that a load balancer must reach on an instance if its target ports are fixed.
func TargetNeed(ports Range) Need {
	return Need{Protocol: TCP, Ports: ports, Flow: Inbound, Profile: "load balancer", Role: "target"}
}
