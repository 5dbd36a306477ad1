package bootstrap

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"muster/bootstrap/bootreport"
	"muster/check"
	"muster/check/catalog"
	"muster/internal/base/exitcode"
	"muster/internal/base/fix"
)

// diagnose fills in the report of an instance that did not register: the most likely cause and all evidence that the
// checks found. It makes no AWS API calls. The checks reuse the ECS response that confirm received.
func (r *run) diagnose(ctx context.Context, report *bootreport.Report, why error) {
	ctx, stop := context.WithTimeout(ctx, r.pace.look)
	defer stop()
	report.Outcome, report.ExitCode = bootreport.NotRegistered, exitcode.NotRegistered
	waited := time.Since(r.started).Round(time.Second)
	report.Reason = fmt.Sprintf("the instance did not register in cluster %s; waited %s", report.Cluster, waited)
	results := check.Run(ctx, r.checks(ctx))
	report.Evidence = evidence(why, results)
	report.Cause = causeOf(results, why)
}

// checks returns the checks that make no AWS API call, plus container-instance, whose response is already available. It
// omits the port and task checks, because neither can prevent an instance from registering.
func (r *run) checks(ctx context.Context) (checks []check.Check) {
	for _, c := range catalog.Checks(r.world(ctx)) {
		if answers := !c.Remote || c.ID == "container-instance"; answers && c.Group != check.PortsOf && c.Group != check.Health {
			checks = append(checks, c)
		}
	}
	return checks
}

func (r *run) world(ctx context.Context) catalog.World {
	w := catalog.World{
		Config:   r.Config,
		Record:   r.Record,
		Identity: r.Identity,
		Agent:    r.Agent(r.Config),
		Units:    r.units,
		NoUnits:  r.noUnits,
	}
	if r.confirmed != nil {
		w.Registry = r.confirmed
	}
	if r.World != nil {
		w = r.World(ctx, r.Instance, w)
	}
	return w
}

// evidence returns the error that made verify stop waiting, followed by the problems that the checks found.
func evidence(why error, results []check.Result) []string {
	var lines []string
	add := func(more ...string) {
		for _, line := range more {
			if line != "" && !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	add(why.Error())
	if k, is := asKnown(why); is {
		add(k.Evidence...)
	}
	for _, result := range results {
		for _, f := range result.Findings {
			if f.Status != check.Pass && f.Status != check.Skip {
				if !shortened(f) {
					add(f.Summary)
				}
				add(f.Evidence...)
			}
		}
	}
	return lines
}

// shortened reports whether the summary is a truncated line of the evidence.
func shortened(f check.Finding) bool {
	begin, cut := strings.CutSuffix(f.Summary, "...")
	return cut && slices.ContainsFunc(f.Evidence, func(line string) bool { return strings.HasPrefix(line, begin) })
}

// causeOf returns the most likely cause. If verify found a known failure that the checks did not reproduce, because it
// may have cleared up in the meantime, that failure is the cause.
func causeOf(results []check.Result, why error) *bootreport.Cause {
	causes := check.Causes(results)
	k, is := asKnown(why)
	switch {
	case is && !found(results, k.ID):
		return bootreport.NewCause(k.ID, k.Summary, k.Fix)
	case len(causes) > 0:
		return bootreport.NewCause(causes[0].ID, causes[0].Summary, causes[0].Fix)
	}
	return bootreport.NewCause("not-registered", why.Error(),
		fix.Do("Read the ECS agent's log:", "sudo tail -n 50 /var/log/ecs/ecs-agent.log"))
}

func found(results []check.Result, id string) bool {
	return slices.ContainsFunc(results, func(r check.Result) bool {
		return slices.ContainsFunc(r.Findings, func(f check.Finding) bool { return f.ID == id })
	})
}
