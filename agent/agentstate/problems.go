package agentstate

import (
	"fmt"
	"time"

	"muster/internal/base/fix"
	"muster/internal/base/ownlimit"
	"muster/internal/base/plural"
	"muster/internal/host/dockerapi"
)

// Problem is a problem that the state shows.
type Problem struct {
	ID      string // stable, kebab-case
	Warning bool   // the instance works despite the problem
	About   string // ID of the affected container; empty if the problem is not about a container
	Text    string // what is wrong, as one sentence
	Why     []string
	Fix     fix.Fix
}

const (
	// leastStale allows for a cycle that waits half a minute for a response.
	leastStale = 3 * time.Minute
	// failingLong is how long CloudWatch may fail before that is a problem. waitingLong is how many minutes of metrics
	// may be queued.
	failingLong = 10 * time.Minute
	waitingLong = 10
)

// Stale reports whether the agent has missed its cycles, so that its state is outdated.
func (s State) Stale(now time.Time) bool {
	return now.Sub(s.Written) > max(leastStale, 3*time.Duration(s.Period)*time.Second)
}

// IDs returns the IDs of all problems, in the order of Problems.
func IDs() []string {
	return []string{NeedIdentity, NeedRegion, NeedRole, NeedRecord, NeedSystemd, "muster-registration", "muster-ecs-silent", "muster-impaired",
		"muster-docker", "muster-docker-proxy", "muster-docker-events", "muster-unhealthy", "muster-crash-loop", "muster-orphan",
		"muster-publishing", "muster-spool", "muster-dropped"}
}

// Problems returns the problems that the state shows. The state must not be stale.
func (s State) Problems(now time.Time) []Problem {
	var all []Problem
	add := func(bad, warning bool, id string, to fix.Fix, why, format string, args ...any) {
		if bad {
			all = append(all, Problem{ID: id, Warning: warning, Text: fmt.Sprintf(format, args...), Fix: to})
		}
		if bad && why != "" {
			all[len(all)-1].Why = []string{why}
		}
	}
	about := func(c Container) { all[len(all)-1].About = c.ID }
	for _, w := range s.Waiting {
		add(true, false, w.ID, w.fix(), w.Why, "muster-agent has waited %s for %s", age(now, w.Since), w.What)
	}
	r := s.Registration
	known := r.State != "registered" && r.State != "unknown" && s.Leaving == ""
	add(known, false, "muster-registration", fix.Do("Find the cause:", "sudo muster debug"), r.Why, "%s", r.problem(now))
	add(r.silent(now) && s.Leaving == "", false, "muster-ecs-silent", fix.Do("Find out why the ECS agent does not answer, then restart it:",
		"systemctl status ecs", "sudo docker logs --tail 20 ecs-agent", "sudo systemctl restart ecs"),
		r.Silent, "the ECS agent has not answered for %s", age(now, r.Answered))
	add(r.Health == "IMPAIRED" && r.Trouble == "", false, "muster-impaired",
		fix.Do("Replace the instance if it stays so; ECS's own checks are:",
			"aws ecs describe-container-instances --include CONTAINER_INSTANCE_HEALTH --cluster "+r.Cluster+" --container-instances "+r.ARN),
		r.HealthDetail, "ECS reports this instance as impaired")
	d := s.Docker
	switch {
	case d.Reachable || d.Limit == "":
	case d.Limit == dockerapi.ErrProxy.Error():
		add(true, false, "muster-docker-proxy", fix.Do("Find out why the proxy does not work, then restart it and muster-agent:",
			"systemctl status muster-docker.socket muster-docker.service", "sudo systemctl restart muster-docker.socket muster-agent.service"),
			d.Why, "muster-agent sees no containers")
	case d.Limit == dockerapi.ErrDenied.Error():
		add(true, false, "muster-docker-proxy", fix.Do("Let muster-agent ask through the proxy: its unit must set MUSTER_DOCKER_PROXY, as the "+
			"unit of this version does. Compare, correct and restart it:",
			"systemctl cat muster-agent.service", "sudo systemctl restart muster-agent.service"),
			d.Why, "muster-agent sees no containers")
	default:
		add(true, false, "muster-docker", ownlimit.Fix(d.Limit), d.Limit, "whether Docker answers is unknown")
	}
	add(!d.Reachable && d.Limit == "", false, "muster-docker", fix.Do("Find out why Docker does not answer:",
		"sudo journalctl -u docker -n 50 --no-pager"), d.Why, "Docker has not answered for %s", age(now, d.Since))
	if d.Events != nil {
		add(d.Reachable, false, "muster-docker-events", fix.Do("Read what Docker logs about its events, then check the stream:",
			"sudo journalctl -u docker -n 50 --no-pager", "sudo timeout 10 docker events"),
			d.Events.Why, "Docker's event stream has not worked for %s (%s)", age(now, d.Events.Since), plural.Count(d.Events.Failures, "attempt"))
	}
	for _, c := range s.Unhealthy {
		add(true, false, "muster-unhealthy", fix.Do("Read the output of the health check:",
			"sudo docker inspect --format '{{json .State.Health}}' "+c.ID), c.Why, "%s is unhealthy", c.Name)
		about(c)
	}
	for _, c := range s.CrashLoops {
		add(true, false, "muster-crash-loop", fix.Do("Read the log of the container that exited last:", "sudo docker logs --tail 20 "+c.ID),
			c.Why, "%s is in a crash loop", c.Name)
		about(c)
	}
	for _, c := range s.Orphans {
		add(true, false, "muster-orphan", fix.Do("Compare what the ECS agent and Docker say of its task:",
			"curl -s http://127.0.0.1:51678/v1/tasks", "sudo docker ps --all --filter id="+c.ID),
			c.Why, "%s is an orphan: the ECS agent and Docker disagree whether it runs", c.Name)
		about(c)
	}
	p := s.Publishing
	since, silent := p.silent(now)
	add(silent, true, "muster-publishing", s.publishingFix(), p.reason(), "CloudWatch has accepted no metrics for %s", age(now, since))
	add(p.Waiting > waitingLong, true, "muster-spool", fix.Fix{}, "they are sent, the oldest first, once CloudWatch accepts them",
		"%s of metrics are queued on disk (%.1f MB)", plural.Count(p.Waiting, "minute"), float64(p.Bytes)/1e6)
	add(p.Dropped > 0, true, "muster-dropped", fix.Do("Find out why:", "sudo journalctl -u muster-agent --no-pager"), "",
		"%s dropped since muster-agent started", plural.Count(p.Dropped, "data point"))
	return all
}

// silentLong is how long the ECS agent may be silent. An update restarts it within a minute. After five minutes the
// registration counts as lost.
const silentLong = 2 * time.Minute

// silent reports whether an ECS agent that is registered does not respond.
func (r Registration) silent(now time.Time) bool {
	return r.State == "registered" && r.Silent != "" && !r.Answered.IsZero() && now.Sub(r.Answered) >= silentLong
}

// IsProblem reports whether an event of this kind is a problem, rather than its end or news.
func IsProblem(kind string) bool {
	switch kind {
	case "unhealthy", "oom", "child-oom", "start-failed", "crash", "crash-loop", "orphan", "registration-lost", "docker-lost",
		"ports-blocked":
		return true
	}
	return false
}

// problem returns what is wrong with a known registration, or "".
func (r Registration) problem(now time.Time) string {
	switch r.State {
	case "lost":
		return "this instance has not been registered for " + age(now, r.Since)
	case "disconnected":
		return "this instance has been disconnected from ECS for " + age(now, r.Since)
	}
	return "this instance has been " + r.State + " for " + age(now, r.Since)
}

// age returns the time since then as text that does not change every second.
func age(now, then time.Time) string {
	switch d := max(0, now.Sub(then)); {
	case then.IsZero():
		return "an unknown time"
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	default:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
}
