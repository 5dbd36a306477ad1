package bundle

import (
	"context"
	"slices"
	"time"

	"muster/internal/base/contained"
	"muster/internal/host/dockerapi"
)

// kind determines how secrets in a file are masked.
type kind int

const (
	text kind = iota
	object
	markup
)

// file is one file of the bundle.
type file struct {
	name   string
	source string // path or command that the data comes from
	data   []byte
	kind   kind
	cut    bool // the file was truncated to the size limit
}

// story is the data that the report shows in addition to the check results.
type story struct {
	moments    []moment
	containers []dockerapi.Container
}

// part is the result of one collector.
type part struct {
	files []file
	story story
	err   error // what could not be collected, and why
}

// collector collects one part of the bundle. It may return an incomplete part and an error.
type collector struct {
	name    string
	what    string // for --dry-run
	extra   bool   // collect only on request
	timeout time.Duration
	collect func(context.Context, Source) part
}

func collectors() []collector {
	const quick, slow = 3 * time.Second, 8 * time.Second
	return []collector{
		{"checks", "results.json: what muster debug found", false, quick, checks},
		{"ports", "ports.json: the replication ports, if they were evaluated", false, quick, portMatrix},
		{"settings", "settings.json: muster's settings and where they came from, masked", false, quick, settings},
		{"muster", "muster/bootstrap.json, muster/report.json: what muster stored on the instance", false, quick, ownFiles},
		{"ecs.config", "ecs.config: the values of known keys, and only the names of others", false, quick, agentConfig},
		{"agent", "agent/metadata.json, agent/tasks.json: the ECS agent's introspection", false, slow, agent},
		{"containers", "containers.json: names, states, ports and the labels of ECS; no environment, no command", false, slow, containers},
		{"units", "units.json: the states of the units of ECS, Docker, cloud-init and muster", false, slow, unitStates},
		{"logs", "logs/ecs-init.log, logs/ecs-agent.log: the last 1 MiB of each, masked line by line", false, slow, logs},
		{"cloud-init", "cloud-init/status.json, cloud-init/result.json: when its stages ran and how they ended", false, quick, cloudInit},
		{"host", "host/...: release, kernel, uptime, memory, pressure, mounts and their space, resolv.conf, routes, addresses", false, slow,
			host},
		{CloudInitLog, "cloud-init/cloud-init.log, cloud-init/cloud-init-output.log: the last 1 MiB of each, masked line by line", true, slow,
			cloudInitLog},
		{UserData, "cloud-init/user-data: masked line by line", true, quick, userData},
	}
}

// Planned describes one part of a bundle.
type Planned struct {
	Name, What string
	LeftOut    bool // left out unless included by option
}

// Plan lists what Collect would collect.
func Plan(o Options) []Planned {
	plan := []Planned{{Name: "manifest", What: "MANIFEST.json: every file, what was left out, and what was masked by which rule"},
		{Name: "report", What: "report.html: the whole bundle as one page, which works offline"}}
	for _, c := range collectors() {
		plan = append(plan, Planned{c.name, c.what, !o.wants(c)})
	}
	return plan
}

func (o Options) wants(c collector) bool { return !c.extra || slices.Contains(o.Include, c.name) }

// gathered is the combined result of all collectors, in their order.
type gathered struct {
	files  []file
	story  story
	failed []Failure
}

// gather runs the collectors concurrently.
func gather(ctx context.Context, s Source, o Options) gathered {
	all := slices.DeleteFunc(collectors(), func(c collector) bool { return !o.wants(c) })
	parts := make([]chan part, len(all))
	for i, c := range all {
		parts[i] = make(chan part, 1)
		go func() { parts[i] <- c.run(ctx, s) }()
	}
	var g gathered
	for i, c := range all {
		p := <-parts[i]
		g.files = append(g.files, p.files...)
		g.story.moments = append(g.story.moments, p.story.moments...)
		g.story.containers = append(g.story.containers, p.story.containers...)
		if p.err != nil {
			g.failed = append(g.failed, Failure{c.name, p.err.Error()})
		}
	}
	return g
}

// run runs the collector. If it panics or does not return in time, its part is empty.
func (c collector) run(ctx context.Context, s Source) part {
	p, err := contained.Run(ctx, c.timeout, func(ctx context.Context) part { return c.collect(ctx, s) })
	if err != nil {
		return part{err: err}
	}
	return p
}
