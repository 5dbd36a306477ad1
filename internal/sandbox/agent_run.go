package sandbox

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Exit codes of the agent (agent/app exitcodes; ecs-init/engine). ecs-init restarts the agent after all codes except 0
// and 5.
const (
	exitOK       = 0
	exitRetry    = 1
	exitTerminal = 5
)

const (
	defaultCluster = "default"
	agentVersion   = "1.105.1"
	agentCommit    = "8dfceca6"
)

// supervise implements ecs-init: it restarts the agent 0.5 to 15 seconds after an exit, except after a terminal one
// (ecs-init/engine StartSupervised).
func (a *Agent) supervise(ctx context.Context, ended chan struct{}, due <-chan time.Time) {
	defer close(ended)
	for pause := 500 * time.Millisecond; ; pause = min(2*pause, 15*time.Second) {
		a.initLog("info", "Starting Amazon Elastic Container Service Agent")
		code := a.run(ctx, due)
		a.initLog("info", "Agent exited with code %d", code)
		if code == exitOK {
			a.update(func(st *AgentStatus) { st.Phase = PhaseStopped })
			return
		}
		due = a.s.clock.After(pause) // before the status change, for tests that then advance the clock
		a.update(func(st *AgentStatus) { st.Exits, st.ExitCode = st.Exits+1, code })
		if code == exitTerminal {
			a.initLog("error", "agent exited with terminal exit code")
			a.update(func(st *AgentStatus) { st.Phase = PhaseExited })
			return
		}
		a.initLog("warn", "ECS Agent failed to start, retrying in %s", pause)
	}
}

// run is one run of the agent's container. It returns the exit code.
func (a *Agent) run(ctx context.Context, due <-chan time.Time) int {
	if !a.wait(ctx, due) {
		return exitOK
	}
	a.agentLog("info", "agent.go", "Loading configuration")
	a.agentLog("info", "agent.go", "Amazon ECS agent Version: %s, Commit: %s", agentVersion, agentCommit)
	var err error
	if a.cfg, err = a.readConfig(); err != nil {
		a.agentLog("critical", "agent.go",
			"Error loading config: Invalid format for ECS_INSTANCE_ATTRIBUTES. Expected a json hash: %v", err)
		return exitRetry
	}
	if code := a.openCheckpoint(); code != exitOK {
		return code
	}
	defer a.db.close()
	arn, code := a.register(ctx)
	if arn == "" {
		return code
	}
	defer a.s.EditContainerInstance(arn, func(ci *ContainerInstance) { ci.AgentConnected = false })
	if err := a.s.introspection.open(); err != nil {
		a.agentLog("error", "introspection_server_setup.go", "Error running introspection endpoint: %v", err)
		return exitRetry
	}
	defer a.s.introspection.shut()
	a.update(func(st *AgentStatus) { st.Phase, st.ARN, st.Cluster = PhaseRegistered, arn, a.cfg.cluster })
	<-ctx.Done()
	return exitOK
}

// wait delays the agent as planned. It returns false if the agent is stopped meanwhile.
func (a *Agent) wait(ctx context.Context, due <-chan time.Time) bool {
	select {
	case <-due:
	case <-ctx.Done():
		return false
	}
	if !a.currentPlan().Hold {
		return true
	}
	select {
	case <-a.hold:
		return true
	case <-ctx.Done():
		return false
	}
}

// agentConfig holds the settings of ecs.config that the sandbox uses.
type agentConfig struct {
	cluster    string
	region     string
	attributes []Attribute
	unnamed    bool // no cluster configured: default, created if missing
}

// readConfig merges the AMI's file and the user's file like the agent (ecs-init/docker getEnvVars): it trims the file
// and each line and splits at the first "=", without comments or quotes; the last line wins. It returns an error only
// for invalid JSON attributes.
func (a *Agent) readConfig() (agentConfig, error) {
	env := map[string]string{}
	for _, name := range []string{"var/lib/ecs/ecs.config", "etc/ecs/ecs.config"} {
		data, err := os.ReadFile(filepath.Join(a.s.opts.Root, name))
		if err != nil {
			continue // the real agent also treats a missing file as empty
		}
		for line := range strings.SplitSeq(strings.TrimSpace(string(data)), "\n") {
			if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
				env[key] = value
			}
		}
	}
	cfg := agentConfig{
		cluster: cmp.Or(a.currentPlan().Cluster, env["ECS_CLUSTER"]),
		region:  cmp.Or(env["AWS_DEFAULT_REGION"], a.s.opts.Region),
	}
	cfg.unnamed = cfg.cluster == ""
	cfg.cluster = cmp.Or(cfg.cluster, defaultCluster)
	var attributes map[string]string
	if text := env["ECS_INSTANCE_ATTRIBUTES"]; text != "" {
		if err := json.Unmarshal([]byte(text), &attributes); err != nil {
			return cfg, err
		}
	}
	for name, value := range attributes {
		cfg.attributes = append(cfg.attributes, Attribute{name, value})
	}
	return cfg, nil
}

// openCheckpoint opens agent.db and compares it: the state of another instance is discarded, another cluster on the same
// instance is fatal (agent/app newTaskEngine).
func (a *Agent) openCheckpoint() int {
	db, err := openCheckpoint(a.s.opts.Root)
	if err != nil {
		a.agentLog("critical", "agent.go", "Error creating data client: %v", err)
		return exitRetry
	}
	saved := db.saved
	switch {
	case saved.InstanceID != "" && saved.InstanceID != a.s.opts.InstanceID:
		a.agentLog("warn", "agent.go", "Data mismatch; saved InstanceID '%s' does not match current InstanceID '%s'. "+
			"Overwriting old datafile", saved.InstanceID, a.s.opts.InstanceID)
		db.saved = Checkpoint{}
	case saved.Cluster != "" && saved.Cluster != a.cfg.cluster:
		mismatch := "Data mismatch; saved cluster '" + saved.Cluster + "' does not match configured cluster '" +
			a.cfg.cluster + "'. Perhaps you want to delete the configured checkpoint file?"
		a.agentEvent("critical", "Error restoring cluster", "error", mismatch)
		a.agentLog("critical", "agent.go", "Unable to initialize new task engine: %s", mismatch)
		db.close()
		return exitTerminal
	}
	a.db = db
	return exitOK
}

// register registers with ECS and saves the checkpoint. Without an ARN, the agent exits with the code, which is exitOK
// if it was stopped meanwhile.
func (a *Agent) register(ctx context.Context) (arn string, code int) {
	a.agentEvent("info", "Registering Instance with ECS")
	arn, err := a.s.registerFromAgent(a.cfg, a.db.saved.ARN)
	for ; err != nil; arn, err = a.s.registerFromAgent(a.cfg, a.db.saved.ARN) {
		if code, retry := a.registrationFailed(err); !retry {
			return "", code
		}
		select {
		case <-a.s.clock.After(registerPause):
		case <-ctx.Done():
			return "", exitOK
		}
	}
	a.agentEvent("info", "Registered container instance with cluster!")
	if a.currentPlan().Disconnected {
		a.s.EditContainerInstance(arn, func(ci *ContainerInstance) { ci.AgentConnected = false })
	}
	saved := Checkpoint{Cluster: a.cfg.cluster, InstanceID: a.s.opts.InstanceID, ARN: arn, Zone: a.s.zone()}
	if err := a.db.save(saved); err != nil {
		a.agentLog("error", "agent.go", "Failed to save agent metadata to disk: %v", err)
	}
	return arn, exitOK
}

// registerPause replaces the growing backoff of 3 to 192 s (ecs-agent/api/ecs/client rciMinBackoff).
const registerPause = 3 * time.Second

// registrationFailed logs like the agent. It distinguishes errors that the agent retries itself (isTransientError),
// terminal errors, and errors that a restart by ecs-init may resolve (agent/app registerContainerInstance).
func (a *Agent) registrationFailed(err *apiError) (code int, retry bool) {
	text := fmt.Sprintf("operation error ECS: RegisterContainerInstance, https response error StatusCode: %d, "+
		"RequestID: %s, %v", err.status, newRequestID(), err) // the SDK's wording
	a.agentEvent("error", "Unable to register as a container instance with ECS", "error", text)
	switch err.code {
	case "ThrottlingException", "ServerException", "LimitExceededException":
		a.agentEvent("error", "Received non-terminal error from RegisterContainerInstance call, "+
			"retrying with exponential backoff", "error", text)
		return exitOK, true
	}
	a.agentEvent("error", "Error registering container instance", "error", text)
	if err.code != "ClientException" && err.code != "InvalidParameterException" {
		return exitRetry, false
	}
	a.agentEvent("critical", "Instance registration attempt with client performing invalid action", "error", text)
	a.agentEvent("critical", "Agent will terminally exit, unable to register container instance:", "error", text)
	return exitTerminal, false
}

// registerFromAgent runs RegisterContainerInstance without HTTP, and does not log it as a call of muster. Faults apply.
// If no cluster is configured, it creates a missing default cluster, but never another.
func (s *Sandbox) registerFromAgent(cfg agentConfig, savedARN string) (arn string, failed *apiError) {
	const name = "RegisterContainerInstance"
	f := s.fault(ECS, name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.spoil(&request{service: s.ecsService(), action: name}, f); err != nil {
		return "", err
	}
	in := registration{Cluster: cfg.cluster, ContainerInstanceArn: savedARN,
		InstanceIdentityDocument: s.identity.document, Attributes: cfg.attributes}
	if cfg.unnamed && cfg.region == s.opts.Region && s.findCluster(defaultCluster, cfg.region) == nil {
		s.setCluster(defaultCluster, "ACTIVE")
	}
	ci, err := s.register(in, cfg.region)
	if err != nil {
		return "", err
	}
	return ci.Arn, nil
}
