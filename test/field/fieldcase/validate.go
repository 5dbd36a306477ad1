package fieldcase

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Words that are valid in a case.
var (
	unitStates = []string{"running", "exited", "inactive", "failed", "restarting", "activating", "absent"}
	faultKinds = []string{"", "throttled", "expired", "unknown key"}
	damages    = []string{"", "empty", "zeros", "truncated"}
	engines    = []string{"", "up", "absent", "hung"}
	verbs      = []string{"", "start", "stop", "restart"}
	agentLogs  = []string{"ecs-agent.log", "ecs-init.log"}
	agentEnds  = regexp.MustCompile(`^(|registered|retries|stopped|exits \d+)$`)
)

// rule matches a security group rule.
var rule = regexp.MustCompile(`^\w+ \d+-\d+ from \S+$`)

// validate reports the first violation of the format.
func (c *Case) validate() error {
	if c.Source == "" || c.Situation == "" || len(c.Steps)+len(c.Lines) == 0 {
		return errors.New("case.yaml needs source, situation and steps or lines")
	}
	for _, part := range []func() error{c.validateHost, c.validateAWS, c.validatePaths, c.validateLines} {
		if err := part(); err != nil {
			return err
		}
	}
	for i, s := range c.Steps {
		if err := s.validate(); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return nil
}

func oneOf(what, word string, known []string) error {
	if slices.Contains(known, word) {
		return nil
	}
	known = slices.DeleteFunc(slices.Clone(known), func(s string) bool { return s == "" })
	return fmt.Errorf("%s: unknown word %q, want one of: %s", what, word, strings.Join(known, ", "))
}

func (c *Case) validateHost() error {
	for _, name := range slices.Sorted(maps.Keys(c.Systemd)) {
		if err := oneOf("systemd: "+name, c.Systemd[name].State, unitStates); err != nil {
			return err
		}
	}
	for _, prefix := range slices.Sorted(maps.Keys(c.TLS)) {
		if len(c.TLS[prefix].Names) == 0 {
			return fmt.Errorf("tls: %s: the certificate needs names", prefix)
		}
	}
	for _, prefix := range slices.Sorted(maps.Keys(c.DNS)) {
		to := c.DNS[prefix]
		if _, err := netip.ParseAddr(to); err != nil && to != "none" && to != "silence" {
			return fmt.Errorf("dns: %s: %q is not an address, none or silence", prefix, to)
		}
	}
	if !agentEnds.MatchString(c.Agent.Ends) {
		return fmt.Errorf("agent: unknown end %q", c.Agent.Ends)
	}
	return errors.Join(oneOf("docker", c.Docker.Is, engines), oneOf("agent_db", c.AgentDB.Damage, damages))
}

func (c *Case) validateAWS() error {
	for i, f := range c.AWS.Faults {
		if err := oneOf(fmt.Sprintf("aws: faults: %d: kind", i+1), f.Kind, faultKinds); err != nil {
			return err
		}
	}
	for _, group := range slices.Sorted(maps.Keys(c.AWS.Groups)) {
		for _, text := range c.AWS.Groups[group] {
			if !rule.MatchString(text) {
				return fmt.Errorf("aws: groups: %s: rule %q is not like: tcp 5701-5800 from sg-cache", group, text)
			}
		}
	}
	for _, p := range c.AWS.Peers {
		if _, err := netip.ParseAddr(p.Addr); err != nil {
			return fmt.Errorf("aws: peers: %s: %w", p.ID, err)
		}
	}
	return nil
}

// validatePaths returns an error for a path outside the instance's own disk.
func (c *Case) validatePaths() error {
	paths := slices.Clone(c.Absent)
	for _, d := range c.Disks {
		paths = append(paths, d.Path)
	}
	for _, s := range c.Steps {
		paths = slices.AppendSeq(paths, maps.Keys(s.Write))
		paths = slices.AppendSeq(paths, maps.Keys(s.Files))
	}
	for _, p := range paths {
		if !filepath.IsLocal(strings.TrimPrefix(p, "/")) {
			return fmt.Errorf("path %q leaves the instance's disk", p)
		}
	}
	return nil
}

func (c *Case) validateLines() error {
	if len(c.Lines) > 0 && len(c.Steps) > 0 {
		return errors.New("steps and lines cannot be used together")
	}
	for i, l := range c.Lines {
		if err := errors.Join(oneOf(fmt.Sprintf("lines: %d: file", i+1), l.File, agentLogs), l.validate()); err != nil {
			return err
		}
	}
	return nil
}

func (s Step) validate() error {
	actions := 0
	for _, given := range []bool{s.Muster != "", s.Spawn != "", s.Agent != "", s.Edit != nil, s.Write != nil, len(s.Containers) > 0} {
		if given {
			actions++
		}
	}
	if actions > 1 {
		return errors.New("a step does one thing: muster, spawn, agent, edit, write or containers")
	}
	if !agentEnds.MatchString(s.Ends) {
		return fmt.Errorf("ends: unknown word %q", s.Ends)
	}
	texts := slices.Collect(maps.Values(s.Files))
	if s.FirstLine != nil {
		texts = append(texts, s.FirstLine.Text)
	}
	if s.Output != nil {
		texts = append(texts, *s.Output)
	}
	if s.Systemd != nil {
		texts = append(texts, Text{s.Systemd.Made, s.Systemd.NotMade})
	}
	errs := []error{oneOf("agent", s.Agent, verbs)}
	for _, t := range texts {
		errs = append(errs, t.validate())
	}
	return errors.Join(errs...)
}

func (t Text) validate() error {
	for _, p := range slices.Concat(t.Says, t.Not) {
		if _, err := NewPattern(p); err != nil {
			return err
		}
	}
	return nil
}
