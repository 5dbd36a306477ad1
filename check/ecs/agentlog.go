package ecs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"muster/check"
	"muster/check/subject"
	"muster/internal/base/cluster"
	"muster/internal/base/fix"
	"muster/internal/host/ecsagent"
	"muster/internal/host/ecsconfig"
)

// agentLog looks for the ECS agent's own words on what keeps it from its work:
// since its newest registration, and not from before this boot or the bootstrap in
// it. What keeps the instance from being registered or connected is a failure, what
// only impairs it a warning.
func (w Group) agentLog(ctx context.Context, warmPool string) []check.Finding {
	opts := ecsagent.Options{Since: w.Record.Since(), Registered: w.Registered(ctx), Docker: w.dockerAnswers(ctx)}
	found := w.logSettings(&opts)
	trouble, err := w.readLogs(ctx, opts)
	switch {
	case errors.Is(err, fs.ErrNotExist) && len(found) == 0:
		return check.Skipped("the ECS agent and ecs-init have not logged anything yet")
	case errors.Is(err, fs.ErrPermission):
		found = append(found, check.CouldNotLook(err, fix.Do("Run muster as root:", "sudo muster debug"))...)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		found = append(found, check.CouldNotLook(err, fix.Fix{})...)
	}
	found = append(found, w.troubleFindings(trouble, opts.Registered)...)
	if warmPool != "" {
		found = slices.DeleteFunc(found, func(f check.Finding) bool { return f.Kind == WarmPoolWaiting }) // it is meant to
	}
	if len(found) == 0 {
		return check.Passed("the ECS agent logged no error that keeps it from working")
	}
	return found
}

// dockerAnswers reports whether the Docker Engine does so now; false also where it cannot be asked.
func (w Group) dockerAnswers(ctx context.Context) bool {
	if w.Engine == nil {
		return false
	}
	pinging, stop := context.WithTimeout(ctx, subject.AskPatience)
	defer stop()
	_, err := w.Engine.Ping(pinging)
	return err == nil
}

// logSettings reads in ecs.config what and where the agent logs
// (ecs-agent/logger/log.go). ecs-init mounts /var/log/ecs as /log into the agent's container.
func (w Group) logSettings(opts *ecsagent.Options) []check.Finding {
	settings := w.Settings()
	get := func(key string) string {
		v, _ := settings.Get(key)
		if v.Origin == ecsconfig.FromDefault {
			return ""
		}
		return v.Text
	}
	level := get("ECS_LOGLEVEL_ON_INSTANCE")
	switch {
	case level == "" && get("ECS_LOG_DRIVER") != "":
		level = "none"
	case level == "":
		level = get("ECS_LOGLEVEL")
	}
	opts.HidesSuccess = ecsagent.HidesSuccess(level)
	path := get("ECS_LOGFILE")
	switch dir := filepath.Clean(filepath.Dir(path)); {
	case path == "":
	case dir == "/log":
		opts.Name = filepath.Base(path)
	default:
		return []check.Finding{{Kind: AgentLogElsewhere, Status: check.Warn, SymptomOf: []*check.Kind{ECSConfigCheck},
			Summary: fmt.Sprintf("%s: ECS_LOGFILE writes the ECS agent's log outside %s",
				settings.PlaceOf("ECS_LOGFILE"), w.Config.ECSLogDir),
			Evidence: []string{"ECS_LOGFILE=" + path, "in the ECS agent's container, only /log is a host directory: " + w.Config.ECSLogDir},
			Fix:      fix.Do("Remove the line, or set ECS_LOGFILE=/log/ecs-agent.log, then restart the ECS agent:", "sudo systemctl restart ecs")}}
	}
	return nil
}

// readLogs reads the logs. Where they show an agent that is registered and cannot
// connect, the ECS API is asked whether it still is so: a log says little of a success.
func (w Group) readLogs(ctx context.Context, opts ecsagent.Options) (ecsagent.Trouble, error) {
	dir := w.Config.Path(w.Config.ECSLogDir)
	trouble, err := ecsagent.ReadLogs(dir, opts)
	if trouble.Effect == ecsagent.Connection && opts.Registered && w.connected(ctx) {
		opts.Connected = true
		return ecsagent.ReadLogs(dir, opts)
	}
	return trouble, err
}

// connected reports whether the ECS API says so; false also where it cannot be asked.
func (w Group) connected(ctx context.Context) bool {
	arn := w.AgentARN(ctx)
	if w.Registry == nil || arn == "" {
		return false
	}
	name, _ := w.Wanted()
	if parts := strings.Split(arn, "/"); len(parts) == 3 { // arn:aws:ecs:REGION:ACCOUNT:container-instance/CLUSTER/ID
		name = parts[1]
	}
	if name == "" {
		name = cluster.Default
	}
	ci, err := w.Registry.ContainerInstance(ctx, name, arn)
	return err == nil && ci.Connected
}

// troubleFindings are what the trouble means for an instance that is registered, or is not.
func (w Group) troubleFindings(t ecsagent.Trouble, registered bool) (found []check.Finding) {
	if f, bad := w.mainFinding(t, registered); bad {
		if registered && t.Effect != ecsagent.Connection {
			f.Status = check.Warn
		}
		found = append(found, f)
	}
	if !registered {
		return found // what only impairs an agent is of no interest without one
	}
	for _, s := range t.Beside {
		f := w.sightingFinding(s)
		f.Status = check.Warn
		found = append(found, f)
	}
	return found
}

func (w Group) mainFinding(t ecsagent.Trouble, registered bool) (f check.Finding, bad bool) {
	exits := exitLines(t)
	switch {
	case t.Cause.ID != "":
		f = w.sightingFinding(t.Sighting)
		f.Evidence = append(f.Evidence, exits...)
		return f, true
	case len(exits) > 0 && t.ExitCode == exitUpgrade && !registered:
		return check.Finding{Kind: AgentExits, Status: check.Fail, Evidence: exits, SymptomOf: w.suspects(),
			Summary: "the ECS agent exited with code 42 to install an update, and is not back yet",
			Fix:     fix.Do("Wait a minute. If it does not come back, read why:", "sudo tail -n 20 /var/log/ecs/ecs-init.log")}, true
	case len(exits) > 0 && t.ExitCode != 0 && t.ExitCode != exitUpgrade: // 0: it was stopped
		return check.Finding{Kind: AgentExits, Status: check.Fail, Summary: exitSummary(t.ExitCode), Evidence: exits,
			Fix: fix.Do("Read its last log lines, and check whether the kernel killed it:",
				"sudo docker logs --tail 20 ecs-agent", "sudo journalctl -k --no-pager | grep -i 'killed process'"),
			SymptomOf: append(w.suspects(), w.Others.AgentContainerDown, w.Others.AgentOutOfMemory)}, true
	}
	return check.Finding{}, false
}

// The exit codes of the ECS agent (agent/utils/exitcodes, ecs-init/engine/engine.go), and of a kill.
const (
	exitPanic    = 2
	exitTerminal = 5
	exitUpgrade  = 42
	exitKilled   = 137
)

func exitSummary(code int) string {
	const silent = ", and its log does not say why"
	switch code {
	case exitPanic:
		return "the ECS agent crashed (exit code 2)" + silent
	case exitTerminal:
		return "the ECS agent exited with code 5, after which ecs-init does not restart it" + silent
	case exitKilled:
		return "the ECS agent was killed (exit code 137, SIGKILL): out of memory, or a kill command"
	}
	return fmt.Sprintf("the ECS agent exited with code %d%s", code, silent)
}

func exitLines(t ecsagent.Trouble) []string {
	switch t.Exits {
	case 0:
		return nil
	case 1:
		return []string{fmt.Sprintf("the ECS agent exited once, with code %d", t.ExitCode)}
	}
	return []string{fmt.Sprintf("the ECS agent exited %d times, last with code %d", t.Exits, t.ExitCode)}
}

// sightingFinding is a line of a log as a failure.
func (w Group) sightingFinding(s ecsagent.Sighting) check.Finding {
	return w.fitted(check.Finding{Kind: logKind(s.Cause.ID), Status: check.Fail, Summary: s.Cause.Summary, Fix: s.Cause.Fix.Map(w.placed),
		Confirm:  w.placed(s.Cause.Confirm),
		Evidence: []string{s.Where() + ": " + s.Message}, SymptomOf: w.behind(s)}, s.Message)
}

// placed puts what is known of this instance in the place of what only a log does not know.
func (w Group) placed(text string) string {
	id, region := w.InstanceID(), w.Region() // placeholders themselves where they are unknown
	known := []string{"INSTANCE_ID", id, "ecs.REGION.", "ecs." + region + ".", "=REGION", "=" + region,
		"--region REGION", "--region " + region, "--region-name REGION", "--region-name " + region}
	if name := w.ClusterForCommand(); name != "NAME" {
		known = append(known, "--cluster-name CLUSTER", "--cluster-name "+subject.NameOf(name))
	}
	return strings.NewReplacer(known...).Replace(text)
}

// suspects explain an error that is not understood.
func (w Group) suspects() []*check.Kind {
	return append(w.network(), w.Others.IMDSCheck, w.Others.InstanceRoleCheck, w.Others.UserDataCheck, w.Others.DiskCheck,
		w.Others.PressureCheck, w.Others.ClockCheck,
		w.Others.DockerCheck, w.Others.AgentImageCheck, ECSConfigCheck, CheckpointCheck, ClusterCheck)
}

// behind are what explains a line of a log: whatever muster has seen for itself
// stands before what the agent says of it.
func (w Group) behind(s ecsagent.Sighting) []*check.Kind {
	for _, b := range w.behindCauses() {
		if slices.Contains(b.causes, logKind(s.Cause.ID)) {
			return b.checks
		}
	}
	if s.Cause.ID == ecsagent.Unrecognized {
		return w.suspects()
	}
	return nil
}

// behindCauses is the table of what muster checks for itself, by the causes that a log shows.
func (w Group) behindCauses() []struct{ causes, checks []*check.Kind } {
	return []struct{ causes, checks []*check.Kind }{
		{[]*check.Kind{ClusterNotFound, ClusterDeleted, ClusterCreateDenied}, []*check.Kind{ECSConfigCheck, ClusterCheck}},
		{[]*check.Kind{StaleCheckpoint}, []*check.Kind{ECSConfigCheck, CheckpointCheck}},
		{[]*check.Kind{SavedStateUnreadable}, []*check.Kind{CheckpointCheck, w.Others.DiskCheck}},
		{[]*check.Kind{SavedStateDenied}, []*check.Kind{w.Others.DiskCheck}},
		{[]*check.Kind{AgentDeregistered}, []*check.Kind{ContainerInstanceCheck}},
		{[]*check.Kind{AgentUserDataNotRun}, []*check.Kind{w.Others.UserDataCheck}},
		{[]*check.Kind{InvalidJSONSetting, InvalidAttributes, InvalidTags, InvalidSetting, InvalidLoggingDriver,
			ReservedMemoryTooHigh, AgentContainerNotCreated, AgentProxyRefused, AgentWrongRegion},
			[]*check.Kind{ECSConfigCheck, w.Others.ProxyCheck}},
		{[]*check.Kind{AgentRegionUnknown}, []*check.Kind{ECSConfigCheck, w.Others.IMDSCheck, w.Others.ProxyCheck}},
		{[]*check.Kind{AgentClockSkew, AgentTLSExpired}, []*check.Kind{w.Others.ClockCheck}},
		{[]*check.Kind{AccessDenied}, []*check.Kind{w.Others.InstanceRoleCheck, w.Others.VPCPathCheck, w.Others.PollEndpointCheck}},
		{[]*check.Kind{AgentIMDSUnreachable, AgentIMDSv2Unsupported, AgentHopLimit, VPCUndetected, IdentityDocumentRefused},
			[]*check.Kind{w.Others.IMDSCheck, w.Others.ProxyCheck, ECSConfigCheck}},
		{[]*check.Kind{NoCredentials, CredentialsInvalid},
			[]*check.Kind{w.Others.IMDSCheck, w.Others.InstanceRoleCheck, w.Others.ProxyCheck, ECSConfigCheck}},
		{[]*check.Kind{DockerUnreachable, DockerSocketDenied, DockerBridgeMissing},
			[]*check.Kind{w.Others.DockerCheck, w.Others.DiskCheck, ECSConfigCheck}},
		{[]*check.Kind{DockerAPITooOld, AgentContainerNameTaken}, []*check.Kind{w.Others.DockerCheck}},
		{[]*check.Kind{AgentImageMissing, PauseImageMissing},
			append(w.network(), w.Others.DockerCheck, w.Others.AgentImageCheck, w.Others.DiskCheck)},
		{[]*check.Kind{AgentDiskFull}, []*check.Kind{w.Others.DiskCheck}},
		{[]*check.Kind{AgentCrashed}, []*check.Kind{CheckpointCheck, w.Others.DiskCheck, w.Others.PressureCheck}},
		{[]*check.Kind{WarmPoolWaiting, WarmPoolUnknown}, []*check.Kind{w.Others.LifecycleCheck, w.Others.IMDSCheck}},
		{[]*check.Kind{AgentTLSAlert, AgentTLSUntrusted, AgentTLSWrongName, AgentDNSFailure, NetworkTimeout, ConnectionRefused,
			ConnectionCut},
			append(w.network(), w.Others.ClockCheck, WrongRegion, ECSConfigCheck)},
	}
}
