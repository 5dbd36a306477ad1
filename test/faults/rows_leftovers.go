//go:build linux

package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"muster/internal/sandbox"
)

// leftoverRows covers what operators and other programs leave behind: files, a umask, states of containers, missing
// resources and error pages.
func leftoverRows() []row {
	return []row{
		{name: "disk/spool-crowded", command: "agent", inject: "the spool has 30,000 files of other programs", takes: 60 * time.Second,
			must: "the queued minutes arrive, below the unit's memory limit",
			play: func(r *rig) {
				for i := range 30000 {
					r.broken(r.Write(fmt.Sprintf("%s/core.%d", spoolDir, i), nil))
				}
				r.queue(3)
				a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
				r.settled(a, 90*time.Second)
				r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
				a.fits()
				a.stop()
			}},
		{name: "file/config-bom", command: "bootstrap",
			inject: "ecs.config begins with a byte order mark and sets the cluster three times, once with export", takes: 5 * time.Second,
			must: "it warns about the duplicates; only the cluster of the flag remains, and other settings are unchanged",
			play: func(r *rig) {
				r.broken(r.Write(ecsConfig, []byte("\ufeffECS_CLUSTER=other\nECS_CLUSTER='prod2'\nexport ECS_CLUSTER=prod3\nECS_LOGLEVEL=debug\n")))
				p := r.run(bootstrap)
				p.exits(0)
				p.says(0, "ECS_CLUSTER is set again on line 3")
				r.want(r.read(ecsConfig) == "ECS_CLUSTER=prod\nECS_LOGLEVEL=debug\n", "ecs.config is %q", r.read(ecsConfig))
			}},
		{name: "aws/cloudwatch-waf", command: "agent", inject: "a firewall returns 400 with HTML three times", takes: 60 * time.Second,
			must: "all queued minutes arrive exactly once",
			play: func(r *rig) {
				r.queue(3)
				r.AWS.Use(byHost("monitoring.", first(3, answers(400, html, portal))))
				a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
				r.settled(a, 90*time.Second)
				r.want(r.arrived() == queuedAll, "want all %d queued data, got %d; %d dropped", queuedAll, r.arrived(), r.dropped())
				a.stop()
			}},
		{name: "aws/events-no-bus", command: "agent", inject: "EventBridge: the event bus does not exist", takes: 30 * time.Second,
			must: "the journal says so; metrics are still published",
			play: func(r *rig) {
				r.Sandbox().Inject(sandbox.Fault{Service: sandbox.EventBridge, Action: "PutEvents", Status: 400,
					Code: "ResourceNotFoundException", Message: "Event bus ops does not exist."})
				id := r.container()
				a := r.agent(how{env: []string{"MUSTER_EVENT_BUS=ops"}})
				r.status(10*time.Second, []int{0}, "1 running")
				r.Engine().Health(id, "unhealthy")
				a.says(20*time.Second, "does not exist")
				a.stop()
				r.publishes()
			}},
		{name: "limit/umask-closed", command: "bootstrap", inject: "bootstrap and verify run with umask 0777", takes: 20 * time.Second,
			must: "exit 0, signals are sent; root can read ecs.config; the agent publishes", with: inGroup,
			play: func(r *rig) {
				syscall.Umask(0o777)
				r.run(bootstrap).exits(0)
				r.run(verify + hookFlag + stackFlags).exits(0)
				syscall.Umask(0o022)
				r.signaled()
				info, err := os.Stat(r.path(ecsConfig))
				r.broken(err)
				r.want(info.Mode().Perm()&0o600 == 0o600, "ecs.config has mode %o", info.Mode().Perm())
				a := r.agent(how{})
				a.stop()
				r.publishes()
			}},
		{name: "signal/hup-storm", command: "agent", inject: "SIGHUP 300 times within 3 s", takes: 30 * time.Second,
			must: "status exits 0; no file descriptor leaks; the agent publishes",
			play: func(r *rig) {
				a := r.agent(how{})
				r.status(20*time.Second, []int{0})
				count := func() int {
					e, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", a.Pid()))
					return len(e)
				}
				before := count()
				for range 300 {
					_ = a.Signal(syscall.SIGHUP)
					wait(10 * time.Millisecond)
				}
				r.status(20*time.Second, []int{0})
				r.want(count() <= before+5, "descriptors %d -> %d", before, count())
				a.fits()
				a.stop()
				r.publishes()
			}},
		{name: "docker/odd-states", command: "agent",
			inject: "containers are paused, dead, being removed, restarting, created, and in states that Docker does not have",
			takes:  40 * time.Second,
			must:   "no crash is counted; output has no control characters; the agent publishes",
			play: func(r *rig) {
				var list []string
				for i, s := range []string{"paused", "dead", "removing", "restarting", "created", "", "\u202eodd"} {
					list = append(list, fmt.Sprintf(`{"Id":"%064x","Names":["/c%[1]d"],"Image":"x","State":%[2]q,"Status":"","Created":1,"Labels":{`+
						`"com.amazonaws.ecs.cluster":"prod","com.amazonaws.ecs.task-arn":"arn:aws:ecs:eu-central-1:123456789012:task/prod/w%[1]d",`+
						`"com.amazonaws.ecs.container-name":"w"}}`, i+1, s))
				}
				r.Docker.Use(at("/containers/json", answers(200, inJSON, "["+strings.Join(list, ",")+"]")))
				a := r.agent(how{env: []string{"MUSTER_WATCH_PERIOD=2s"}})
				wait(8 * time.Second)
				r.status(20*time.Second, []int{0, 1})
				r.inert(r.run("status"))
				r.inert(r.run("debug"))
				a.stop()
				r.publishes()
				r.want(r.crashes() == 0, "%v crashes were counted", r.crashes())
			}},
		{name: "together/late-imds-kill", command: "agent",
			inject: "IMDS does not respond, and the agent is killed with -9 three times; then IMDS responds", takes: 60 * time.Second,
			must: "all queued minutes arrive exactly once",
			play: func(r *rig) {
				r.queue(3)
				r.Metadata.Shut()
				for range 3 {
					a := r.agentEarly(sending("MUSTER_WATCH_PERIOD=2s"))
					wait(2 * time.Second)
					a.kill()
				}
				r.broken(r.Metadata.Open())
				a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
				r.settled(a, 60*time.Second)
				r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
				a.stop()
			}},
	}
}
