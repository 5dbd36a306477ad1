package ecs

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"muster/check"
	"muster/check/subject"
	"muster/internal/base/cluster"
	"muster/internal/base/fix"
	"muster/internal/base/plural"
	"muster/internal/host/ecsconfig"
)

// ecsConfig compares the settings that the ECS agent reads with the intended ones, and with this instance.
func (g Group) ecsConfig(ctx context.Context) []check.Finding {
	s := g.Settings()
	if err := s.Denied(); err != nil {
		return check.Undetermined(err, fix.Do("Run muster as root:", "sudo muster debug"))
	}
	if unknown := check.OwnLimit(s.Unread()); unknown != nil {
		return unknown
	}
	var found []check.Finding
	problems := slices.DeleteFunc(slices.Clone(s.Problems), func(p ecsconfig.Problem) bool { return p.Severity == ecsconfig.Cosmetic })
	unreadable, problems := g.unreadable(s, problems)
	if len(unreadable) > 0 {
		found = unreadable
	} else if found = g.clusterConfigured(s, problems); len(found) > 0 { // this finding already covers these lines
		problems = slices.DeleteFunc(problems, func(p ecsconfig.Problem) bool { return p.Sets("ECS_CLUSTER") })
	}
	found = slices.Concat(found, g.lineFindings(ctx, s, problems), g.otherPlace(s), g.tooMuchReserved(s), g.otherTargets(ctx, s),
		g.notApplied(s))
	if len(found) > 0 {
		return found
	}
	c := s.Next.Cluster()
	if c.Origin == ecsconfig.FromDefault {
		c = s.Cluster()
	}
	return check.Passed(fmt.Sprintf("the ECS agent joins cluster %s (%s); %s", c.Text, c.Where(), settingsRead(s)))
}

// settingsRead describes how many settings the files contain.
func settingsRead(s *subject.Settings) string {
	n := 0
	for _, key := range ecsconfig.Keys() {
		if s.Set(key) {
			n++
		}
	}
	return plural.Count(n, "valid setting")
}

// unreadable returns the findings for files that the ECS agent cannot read at all, and the problems of the other files.
func (g Group) unreadable(s *subject.Settings, problems []ecsconfig.Problem) (found []check.Finding, rest []ecsconfig.Problem) {
	for _, p := range problems {
		if !p.Whole() || p.File == s.Sources.JSON.Path || p.File == "user data" {
			rest = append(rest, p)
			continue
		}
		f := check.Finding{Kind: ECSConfigUnreadable, Status: check.Fail, Summary: p.String(), Evidence: []string{p.Effect}}
		switch name := g.clusterToName(s); {
		case p.Repair != "":
			f.Fix = fix.Do(
				"Convert the file with muster and restart the ECS agent:",
				"sudo muster bootstrap --reset-stale-state --cluster "+name,
			)
		default:
			f.Fix = fix.Do("Move the file aside and write a new one:",
				"sudo mv "+p.File+" "+p.File+".old", "sudo muster bootstrap --reset-stale-state --cluster "+name)
		}
		found = append(found, f)
	}
	return found, rest
}

// lineFindings returns the findings for all lines except those that set the cluster.
func (g Group) lineFindings(ctx context.Context, s *subject.Settings, problems []ecsconfig.Problem) []check.Finding {
	var invalid, failing, misread, unknown []ecsconfig.Problem
	registered := false
	for _, p := range problems {
		switch {
		case p.Intended != "" || p.Severity == ecsconfig.UnknownKey:
			unknown = append(unknown, p)
		case p.Severity == ecsconfig.Fatal:
			invalid = append(invalid, p)
		case p.Severity == ecsconfig.Refused && !registered && !g.Registered(ctx):
			invalid = append(invalid, p)
		case p.Severity == ecsconfig.Refused: // attributes matter only at the first registration
			registered = true
			misread = append(misread, p)
		case s.Blocks(p):
			failing = append(failing, p)
		default:
			misread = append(misread, p)
		}
	}
	return slices.Concat(
		g.oneLineFinding(ECSConfigInvalid, check.Fail, s, invalid),
		g.oneLineFinding(ECSConfigMisread, check.Fail, s, failing),
		g.oneLineFinding(ECSConfigMisread, check.Warn, s, misread),
		g.oneLineFinding(ECSConfigUnknownKey, check.Warn, s, unknown))
}

// oneLineFinding returns a finding with the first problem as its summary and the others as evidence.
func (g Group) oneLineFinding(kind *check.Kind, status check.Status, s *subject.Settings, problems []ecsconfig.Problem) []check.Finding {
	if len(problems) == 0 {
		return nil
	}
	f := check.Finding{Kind: kind, Status: status, Summary: problems[0].String(), Fix: g.lineFix(s, problems)}
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
	f.Evidence = append(f.Evidence, subject.Bounded(others)...)
	return []check.Finding{f}
}

// lineFix returns a fix that runs muster to repair the lines, if it can repair all of them.
func (g Group) lineFix(s *subject.Settings, problems []ecsconfig.Problem) fix.Fix {
	byHand := slices.ContainsFunc(problems, func(p ecsconfig.Problem) bool {
		return p.Repair == "" || p.File != s.Sources.User.Path
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
	return fix.Do("Correct "+strings.Join(places, ", ")+", then restart the ECS agent:", subject.RestartECS)
}

// forced lists keys that ecs-init may set to other values than the files (ecs-init/docker/docker.go, getContainerConfig
// and LoadEnvVars).
var forced = []string{"ECS_ENABLE_TASK_ENI", "ECS_EBSTA_SUPPORTED", "ECS_ENABLE_GPU_SUPPORT"}

// notApplied returns a finding for lines that changed after the ECS agent started.
func (g Group) notApplied(s *subject.Settings) []check.Finding {
	var lines []string
	for _, key := range s.NotApplied() {
		if v := s.InFiles(key); key != "ECS_CLUSTER" && v.Origin == ecsconfig.FromFile && !slices.Contains(forced, key) {
			lines = append(lines, fmt.Sprintf("%s: %s is not applied: the running ECS agent has another value", v.Where(), key))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return []check.Finding{{Kind: ECSConfigNotApplied, Status: check.Warn, Summary: lines[0],
		Evidence: subject.Bounded(lines[1:]), Fix: fix.Do("Restart the ECS agent:", subject.RestartECS)}}
}
