//go:build linux

package instance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"muster/internal/sandbox"
	"muster/test/field/fieldcase"
)

const (
	configPath  = "etc/ecs/ecs.config"
	settleTime  = 5 * time.Second
	retryTime   = time.Second // an agent that has not settled within this time is retrying
	exitForGood = 5           // ecs-init does not restart the agent after this exit code
)

// AgentLogs lists the logs of the ECS agent.
var AgentLogs = []string{"var/log/ecs/ecs-agent.log", "var/log/ecs/ecs-init.log"}

// startAgent starts the ECS agent as configured in the case, and waits until it has settled.
func (i *Instance) startAgent() (err error) {
	plan := i.c.Agent
	if plan.Start {
		if plan.Config != "" {
			restore, err := i.replaceConfig(plan.Config)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, restore()) }()
		}
		got, err := i.Agent("start", plan.Ends == "retries")
		if err != nil {
			return err
		}
		if plan.Ends != "" && got != plan.Ends {
			return fmt.Errorf("want %q, got %q (cluster %q)", plan.Ends, got, i.box.Agent.Status().Cluster)
		}
	}
	if !plan.NoLogs {
		return nil
	}
	for _, p := range AgentLogs {
		err = errors.Join(err, i.Remove(p))
	}
	return err
}

// replaceConfig replaces ecs.config with text until restore is called.
func (i *Instance) replaceConfig(text string) (restore func() error, err error) {
	const aside = configPath + ".own"
	root := i.disk.root
	err = root.Rename(configPath, aside)
	absent := errors.Is(err, os.ErrNotExist)
	if err != nil && !absent {
		return nil, err
	}
	if err := i.disk.write(configPath, []byte(text)); err != nil {
		return nil, err
	}
	return func() error {
		if absent {
			return root.Remove(configPath)
		}
		return root.Rename(aside, configPath)
	}, nil
}

// Agent starts, stops or restarts the ECS agent, waits until it has settled, and returns its state: "registered", "exits
// CODE", "retries" or "stopped". If retries is expected, it waits less.
func (i *Instance) Agent(verb string, retries bool) (string, error) {
	if verb != "start" {
		i.box.Agent.Stop()
	}
	if verb == "stop" {
		return string(sandbox.PhaseStopped), nil
	}
	if err := i.box.StartAgent(context.Background()); err != nil {
		return "", err
	}
	limit := settleTime
	if retries {
		limit = retryTime
	}
	ctx, stop := context.WithTimeout(context.Background(), limit)
	defer stop()
	st, _ := i.box.Agent.Await(ctx, settled) // a timeout is a valid result
	if st.Phase == sandbox.PhaseExited && i.c.Systemd["ecs.service"].State == "" {
		i.systemd.set("ecs.service", fieldcase.Unit{State: "failed", Status: st.ExitCode})
	}
	switch {
	case st.Phase == sandbox.PhaseExited || st.Exits > 0:
		return fmt.Sprintf("exits %d", st.ExitCode), nil
	case st.Phase == sandbox.PhaseRegistering:
		return "retries", nil
	}
	return string(st.Phase), nil
}

func settled(s sandbox.AgentStatus) bool {
	return s.Phase == sandbox.PhaseRegistered || s.Phase == sandbox.PhaseExited || s.Exits > 0 && s.ExitCode != exitForGood
}

// changeLater applies the changes after the ECS agent has settled: log lines, and the loss of a network.
func (i *Instance) changeLater() error {
	// The agent's own lines have the current time; these must be newer.
	now := time.Now().Add(3 * time.Second)
	for _, f := range i.c.Later {
		if err := i.disk.append(f.Name, fieldcase.Dated(f.Data, now)); err != nil {
			return err
		}
	}
	if i.c.Network.NoIPv4 {
		if err := dropIPv4(); err != nil {
			return err
		}
	}
	if i.c.Network.NoIMDS {
		i.box.IMDSDown()
		return ip("addr del " + metadataAddr + "/32 dev lo\n")
	}
	return nil
}
