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

// agentLog finds causes in the ECS agent's log, from the latest of its newest registration, this boot, and this boot's
// bootstrap run. A cause that prevents registration or connection is a failure. Any other cause is a warning. warmPool
// is the state that defers the registration.
func (g Group) agentLog(ctx context.Context, warmPool string) []check.Finding {
	opts := ecsagent.Options{Since: g.Record.Since(), Registered: g.Registered(ctx), Docker: g.dockerAnswers(ctx)}
	found := g.logSettings(&opts)
	failures, err := g.readLogs(ctx, opts)
	switch {
	case errors.Is(err, fs.ErrNotExist) && len(found) == 0:
		return check.Skipped("the ECS agent and ecs-init have not logged anything yet")
	case errors.Is(err, fs.ErrPermission):
		found = append(found, check.Undetermined(err, fix.Do("Run muster as root:", "sudo muster debug"))...)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		found = append(found, check.Undetermined(err, fix.Fix{})...)
	}
	found = append(found, g.logFindings(failures, opts.Registered)...)
	if warmPool != "" {
		found = slices.DeleteFunc(found, func(f check.Finding) bool { return f.Kind == WarmPoolWaiting }) // the agent waits on purpose
	}
	if len(found) == 0 {
		return check.Passed("the ECS agent logged no error that keeps it from working")
	}
	return found
}

// dockerAnswers reports whether the Docker Engine responds now. It returns false if that is unknown.
func (g Group) dockerAnswers(ctx context.Context) bool {
	if g.Engine == nil {
		return false
	}
	pinging, stop := context.WithTimeout(ctx, subject.AskPatience)
	defer stop()
	_, err := g.Engine.Ping(pinging)
	return err == nil
}

// logSettings reads the agent's log settings from ecs.config: what it logs and where (ecs-agent/logger/log.go).
// ecs-init mounts /var/log/ecs as /log into the agent's container.
func (g Group) logSettings(opts *ecsagent.Options) []check.Finding {
	settings := g.Settings()
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
		return []check.Finding{
			{
				Kind:      AgentLogElsewhere,
				Status:    check.Warn,
				SymptomOf: []*check.Kind{ECSConfigCheck},
				Summary: fmt.Sprintf("%s: ECS_LOGFILE writes the ECS agent's log outside %s",
					settings.PlaceOf("ECS_LOGFILE"), g.Config.ECSLogDir),
				Evidence: []string{
					"ECS_LOGFILE=" + path,
					"in the ECS agent's container, only /log is a host directory: " + g.Config.ECSLogDir,
				},
				Fix: fix.Do(
					"Remove the line, or set ECS_LOGFILE=/log/ecs-agent.log, then restart the ECS agent:",
					"sudo systemctl restart ecs",
				),
			},
		}
	}
	return nil
}

// readLogs reads the logs. The log rarely shows a success. Therefore, if it shows a registered agent that cannot
// connect, readLogs calls the ECS API to find out whether that is still true.
func (g Group) readLogs(ctx context.Context, opts ecsagent.Options) (ecsagent.Failures, error) {
	dir := g.Config.Path(g.Config.ECSLogDir)
	failures, err := ecsagent.ReadLogs(dir, opts)
	if failures.Effect == ecsagent.Connection && opts.Registered && g.connected(ctx) {
		opts.Connected = true
		return ecsagent.ReadLogs(dir, opts)
	}
	return failures, err
}

// connected reports whether the ECS API shows the agent as connected. It returns false if that is unknown.
func (g Group) connected(ctx context.Context) bool {
	arn := g.AgentARN(ctx)
	if g.Registry == nil || arn == "" {
		return false
	}
	name, _ := g.Wanted()
	if parts := strings.Split(arn, "/"); len(parts) == 3 { // arn:aws:ecs:REGION:ACCOUNT:container-instance/CLUSTER/ID
		name = parts[1]
	}
	if name == "" {
		name = cluster.Default
	}
	ci, err := g.Registry.ContainerInstance(ctx, name, arn)
	return err == nil && ci.Connected
}

// logFindings returns the findings for the failures in the logs, depending on whether the instance is registered.
func (g Group) logFindings(t ecsagent.Failures, registered bool) (found []check.Finding) {
	if f, bad := g.mainFinding(t, registered); bad {
		if registered && t.Effect != ecsagent.Connection {
			f.Status = check.Warn
		}
		found = append(found, f)
	}
	if !registered {
		return found // an impairment of the agent does not matter without a registration
	}
	for _, s := range t.Minor {
		f := g.diagnosisFinding(s)
		f.Status = check.Warn
		found = append(found, f)
	}
	return found
}

func (g Group) mainFinding(t ecsagent.Failures, registered bool) (f check.Finding, bad bool) {
	exits := exitLines(t)
	switch {
	case t.Cause.ID != "":
		f = g.diagnosisFinding(t.Diagnosis)
		f.Evidence = append(f.Evidence, exits...)
		return f, true
	case len(exits) > 0 && t.ExitCode == exitUpgrade && !registered:
		return check.Finding{Kind: AgentExits, Status: check.Fail, Evidence: exits, SymptomOf: g.possibleCauses(),
			Summary: "the ECS agent exited with code 42 to install an update, and is not back yet",
			Fix:     fix.Do("Wait a minute. If it does not come back, read why:", "sudo tail -n 20 /var/log/ecs/ecs-init.log")}, true
	case len(exits) > 0 && t.ExitCode != 0 && t.ExitCode != exitUpgrade: // exit code 0 means that the agent was stopped
		return check.Finding{Kind: AgentExits, Status: check.Fail, Summary: exitSummary(t.ExitCode), Evidence: exits,
			Fix: fix.Do("Read its last log lines, and check whether the kernel killed it:",
				"sudo docker logs --tail 20 ecs-agent", "sudo journalctl -k --no-pager | grep -i 'killed process'"),
			SymptomOf: append(g.possibleCauses(), g.Others.AgentContainerDown, g.Others.AgentOutOfMemory)}, true
	}
	return check.Finding{}, false
}

// Exit codes of the ECS agent (agent/utils/exitcodes, ecs-init/engine/engine.go), and the code after SIGKILL.
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

func exitLines(t ecsagent.Failures) []string {
	switch t.Exits {
	case 0:
		return nil
	case 1:
		return []string{fmt.Sprintf("the ECS agent exited once, with code %d", t.ExitCode)}
	}
	return []string{fmt.Sprintf("the ECS agent exited %d times, last with code %d", t.Exits, t.ExitCode)}
}

// diagnosisFinding returns a failed finding for a log line.
func (g Group) diagnosisFinding(s ecsagent.Diagnosis) check.Finding {
	return g.withSpecificFix(check.Finding{Kind: logKind(s.Cause.ID), Status: check.Fail, Summary: s.Cause.Summary,
		Fix:      s.Cause.Fix.Map(g.fillIn),
		Confirm:  g.fillIn(s.Cause.Confirm),
		Evidence: []string{s.Where() + ": " + s.Message}, SymptomOf: g.causesOf(s)}, s.Message)
}

// fillIn replaces the placeholders in a cause's text with the known values of this instance.
func (g Group) fillIn(text string) string {
	id, region := g.InstanceID(), g.Region() // if unknown, these are placeholders themselves
	known := []string{"INSTANCE_ID", id, "ecs.REGION.", "ecs." + region + ".", "=REGION", "=" + region,
		"--region REGION", "--region " + region, "--region-name REGION", "--region-name " + region}
	if name := g.ClusterForCommand(); name != "NAME" {
		known = append(known, "--cluster-name CLUSTER", "--cluster-name "+subject.NameOf(name))
	}
	return strings.NewReplacer(known...).Replace(text)
}

// possibleCauses returns the checks that may explain an error with an unknown cause.
func (g Group) possibleCauses() []*check.Kind {
	return append(g.network(), g.Others.IMDSCheck, g.Others.InstanceRoleCheck, g.Others.UserDataCheck, g.Others.DiskCheck,
		g.Others.PressureCheck, g.Others.ClockCheck,
		g.Others.DockerCheck, g.Others.AgentImageCheck, ECSConfigCheck, CheckpointCheck, ClusterCheck)
}

// causesOf returns the checks that explain a log line. What muster observes itself takes precedence over what the agent
// logs.
func (g Group) causesOf(s ecsagent.Diagnosis) []*check.Kind {
	for _, b := range g.logCauses() {
		if slices.Contains(b.causes, logKind(s.Cause.ID)) {
			return b.checks
		}
	}
	if s.Cause.ID == ecsagent.Unrecognized {
		return g.possibleCauses()
	}
	return nil
}

// logCauses maps the causes found in the log to the checks that explain them.
func (g Group) logCauses() []struct{ causes, checks []*check.Kind } {
	return []struct{ causes, checks []*check.Kind }{
		{[]*check.Kind{ClusterNotFound, ClusterDeleted, ClusterCreateDenied}, []*check.Kind{ECSConfigCheck, ClusterCheck}},
		{[]*check.Kind{StaleCheckpoint}, []*check.Kind{ECSConfigCheck, CheckpointCheck}},
		{[]*check.Kind{SavedStateUnreadable}, []*check.Kind{CheckpointCheck, g.Others.DiskCheck}},
		{[]*check.Kind{SavedStateDenied}, []*check.Kind{g.Others.DiskCheck}},
		{[]*check.Kind{AgentDeregistered}, []*check.Kind{ContainerInstanceCheck}},
		{[]*check.Kind{AgentUserDataNotRun}, []*check.Kind{g.Others.UserDataCheck}},
		{[]*check.Kind{InvalidJSONSetting, InvalidAttributes, InvalidTags, InvalidSetting, InvalidLoggingDriver,
			ReservedMemoryTooHigh, AgentContainerNotCreated, AgentProxyRefused, AgentWrongRegion},
			[]*check.Kind{ECSConfigCheck, g.Others.ProxyCheck}},
		{[]*check.Kind{AgentRegionUnknown}, []*check.Kind{ECSConfigCheck, g.Others.IMDSCheck, g.Others.ProxyCheck}},
		{[]*check.Kind{AgentClockSkew, AgentTLSExpired}, []*check.Kind{g.Others.ClockCheck}},
		{[]*check.Kind{AccessDenied}, []*check.Kind{g.Others.InstanceRoleCheck, g.Others.VPCPathCheck, g.Others.PollEndpointCheck}},
		{[]*check.Kind{AgentIMDSUnreachable, AgentIMDSv2Unsupported, AgentHopLimit, VPCUndetected, IdentityDocumentRefused},
			[]*check.Kind{g.Others.IMDSCheck, g.Others.ProxyCheck, ECSConfigCheck}},
		{[]*check.Kind{NoCredentials, CredentialsInvalid},
			[]*check.Kind{g.Others.IMDSCheck, g.Others.InstanceRoleCheck, g.Others.ProxyCheck, ECSConfigCheck}},
		{[]*check.Kind{DockerUnreachable, DockerSocketDenied, DockerBridgeMissing},
			[]*check.Kind{g.Others.DockerCheck, g.Others.DiskCheck, ECSConfigCheck}},
		{[]*check.Kind{DockerAPITooOld, AgentContainerNameTaken}, []*check.Kind{g.Others.DockerCheck}},
		{[]*check.Kind{AgentImageMissing, PauseImageMissing},
			append(g.network(), g.Others.DockerCheck, g.Others.AgentImageCheck, g.Others.DiskCheck)},
		{[]*check.Kind{AgentDiskFull}, []*check.Kind{g.Others.DiskCheck}},
		{[]*check.Kind{AgentCrashed}, []*check.Kind{CheckpointCheck, g.Others.DiskCheck, g.Others.PressureCheck}},
		{[]*check.Kind{WarmPoolWaiting, WarmPoolUnknown}, []*check.Kind{g.Others.LifecycleCheck, g.Others.IMDSCheck}},
		{[]*check.Kind{AgentTLSAlert, AgentTLSUntrusted, AgentTLSWrongName, AgentDNSFailure, NetworkTimeout, ConnectionRefused,
			ConnectionCut},
			append(g.network(), g.Others.ClockCheck, WrongRegion, ECSConfigCheck)},
	}
}
