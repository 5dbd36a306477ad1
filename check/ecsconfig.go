package check

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"muster/internal/base/cluster"
	"muster/internal/base/fix"
	"muster/internal/host/ecsconfig"
)

const restartAgent = "sudo systemctl --no-block restart " + ecsUnit

// ecsConfig compares what the ECS agent reads in its settings with what was
// meant, and with this instance.
func (w World) ecsConfig(ctx context.Context) []Finding {
	s := w.agentSettings()
	if err := s.denied(); err != nil {
		return CouldNotLook(err, fix.Do("Run muster as root:", "sudo muster debug"))
	}
	if unknown := ownLimit(s.unread()); unknown != nil {
		return unknown
	}
	var found []Finding
	problems := slices.DeleteFunc(slices.Clone(s.problems), func(p ecsconfig.Problem) bool { return p.Severity == ecsconfig.Cosmetic })
	unreadable, problems := w.unreadable(s, problems)
	if len(unreadable) > 0 {
		found = unreadable
	} else if found = w.clusterConfigured(s, problems); len(found) > 0 { // that says all about these lines
		problems = slices.DeleteFunc(problems, func(p ecsconfig.Problem) bool { return p.Sets("ECS_CLUSTER") })
	}
	found = slices.Concat(found, w.badLines(ctx, s, problems), w.otherPlace(s), w.tooMuchReserved(s), w.elsewhere(ctx, s), w.notApplied(s))
	if len(found) > 0 {
		return found
	}
	c := s.next.Cluster()
	if c.Origin == ecsconfig.FromDefault {
		c = s.Cluster()
	}
	return Passed(fmt.Sprintf("the ECS agent joins cluster %s (%s); %s", c.Text, c.Where(), settingsRead(s)))
}

// settingsRead counts what the files set.
func settingsRead(s *agentSettings) string {
	n := 0
	for _, key := range ecsconfig.Keys() {
		if s.Set(key) {
			n++
		}
	}
	if n == 1 {
		return "1 valid setting"
	}
	return fmt.Sprintf("%d valid settings", n)
}

// unreadable are the files that the ECS agent cannot read at all, and what is
// left of the problems without these.
func (w World) unreadable(s *agentSettings, problems []ecsconfig.Problem) (found []Finding, rest []ecsconfig.Problem) {
	for _, p := range problems {
		if !p.Whole() || p.File == s.sources.JSON.Path || p.File == "user data" {
			rest = append(rest, p)
			continue
		}
		f := Finding{Kind: ECSConfigUnreadable, Status: Fail, Summary: p.String(), Evidence: []string{p.Effect}}
		switch name := w.clusterToName(s); {
		case p.Repair != "":
			f.Fix = fix.Do("Convert the file with muster and restart the ECS agent:", "sudo muster bootstrap --reset-stale-state --cluster "+name)
		default:
			f.Fix = fix.Do("Move the file aside and write a new one:",
				"sudo mv "+p.File+" "+p.File+".old", "sudo muster bootstrap --reset-stale-state --cluster "+name)
		}
		found = append(found, f)
	}
	return found, rest
}

// grave are the keys without which the ECS agent does not come as far as its
// cluster: a misread line is a failure.
var grave = []string{"AWS_DEFAULT_REGION", "ECS_BACKEND_HOST", "DOCKER_HOST", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"}

// badLines are the findings on all lines but those that name the cluster.
func (w World) badLines(ctx context.Context, s *agentSettings, problems []ecsconfig.Problem) []Finding {
	var invalid, failing, misread, unknown []ecsconfig.Problem
	registered := false
	for _, p := range problems {
		switch {
		case p.Meant != "" || p.Severity == ecsconfig.UnknownKey:
			unknown = append(unknown, p)
		case p.Severity == ecsconfig.Fatal:
			invalid = append(invalid, p)
		case p.Severity == ecsconfig.Refused && !registered && !w.isRegistered(ctx):
			invalid = append(invalid, p)
		case p.Severity == ecsconfig.Refused: // attributes count at the first registration only
			registered = true
			misread = append(misread, p)
		case s.hampers(p):
			failing = append(failing, p)
		default:
			misread = append(misread, p)
		}
	}
	return slices.Concat(
		w.lineFinding(ECSConfigInvalid, Fail, s, invalid),
		w.lineFinding(ECSConfigMisread, Fail, s, failing),
		w.lineFinding(ECSConfigMisread, Warn, s, misread),
		w.lineFinding(ECSConfigUnknownKey, Warn, s, unknown))
}

// hampers reports whether a misread line keeps the ECS agent from where it must go.
func (s *agentSettings) hampers(p ecsconfig.Problem) bool {
	if p.Severity != ecsconfig.Misread {
		return false
	}
	proxied := s.proxy().HTTP != "" || s.proxy().HTTPS != ""
	return proxied && (p.Sets("NO_PROXY") || p.Sets("no_proxy")) || slices.ContainsFunc(grave, p.Sets)
}

// lineFinding makes the first problem the summary, and the others evidence.
func (w World) lineFinding(kind *Kind, status Status, s *agentSettings, problems []ecsconfig.Problem) []Finding {
	if len(problems) == 0 {
		return nil
	}
	f := Finding{Kind: kind, Status: status, Summary: problems[0].String(), Fix: w.lineFix(s, problems)}
	if problems[0].Effect != "" {
		f.Evidence = append(f.Evidence, problems[0].Effect)
	}
	var others []string
	for _, p := range problems[1:] {
		line := p.String()
		if p.Effect != "" && p.Effect != problems[0].Effect {
			line += "; " + p.Effect
		}
		others = append(others, line)
	}
	f.Evidence = append(f.Evidence, bounded(others)...)
	return []Finding{f}
}

// lineFix lets muster repair what it can, if it can repair all.
func (w World) lineFix(s *agentSettings, problems []ecsconfig.Problem) fix.Fix {
	byHand := slices.ContainsFunc(problems, func(p ecsconfig.Problem) bool {
		return p.Repair == "" || p.File != s.sources.User.Path
	})
	c := s.Cluster()
	if _, err := cluster.Parse(c.Text); !byHand && err == nil && s.Set("ECS_CLUSTER") {
		return fix.Do("Repair the file with muster and restart the ECS agent:", "sudo muster bootstrap --cluster "+c.Text)
	}
	var places []string
	for _, p := range problems {
		if place := strings.TrimSuffix(p.Where(), ":"); !slices.Contains(places, place) {
			places = append(places, place)
		}
	}
	if len(places) > 3 {
		places = append(places[:3], "and the lines below")
	}
	return fix.Do("Correct "+strings.Join(places, ", ")+", then restart the ECS agent:", restartAgent)
}

// maxLines bounds what is said of many things of one kind.
const maxLines = 10

func bounded(lines []string) []string {
	if len(lines) <= maxLines {
		return lines
	}
	return append(slices.Clone(lines[:maxLines]), fmt.Sprintf("and %d more", len(lines)-maxLines))
}

// forced are keys that ecs-init may set otherwise than the files say
// (ecs-init/docker/docker.go, getContainerConfig and LoadEnvVars).
var forced = []string{"ECS_ENABLE_TASK_ENI", "ECS_EBSTA_SUPPORTED", "ECS_ENABLE_GPU_SUPPORT"}

// notApplied are lines that were changed after the ECS agent was started.
func (w World) notApplied(s *agentSettings) []Finding {
	var lines []string
	for _, key := range s.Stale() {
		if v := s.Named(key); key != "ECS_CLUSTER" && v.Origin == ecsconfig.FromFile && !slices.Contains(forced, key) {
			lines = append(lines, fmt.Sprintf("%s: %s is not applied: the running ECS agent has another value", v.Where(), key))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return []Finding{{Kind: ECSConfigNotApplied, Status: Warn, Summary: lines[0],
		Evidence: bounded(lines[1:]), Fix: fix.Do("Restart the ECS agent:", restartAgent)}}
}
