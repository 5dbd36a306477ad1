// Package life runs `muster agent` from the start of the process to its end. It starts an agent with what is known so
// far, and replaces it with another one when more is known. It connects the agent's parts, which package agent runs.
//
//	without an identity   an agent watches and keeps what it counts
//	identity, region      the next one publishes, announces and heals
//	record                the next one uses the settings of bootstrap
package life

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"muster/agent"
	"muster/agent/agentstate"
	"muster/agent/await"
	"muster/agent/registration"
	"muster/agent/starts"
	"muster/internal/awsapi"
	"muster/internal/host/imds"
	"muster/internal/instance"
	"muster/internal/instance/record"
)

// firstAsk limits how long the start waits for the metadata service. After that the agent watches without it.
const firstAsk = 2 * time.Second

// Things that the agent may have to wait for.
var (
	needIdentity    = await.Requirement{ID: agentstate.NeedIdentity, What: "instance metadata", Verb: "answered"}
	needRegion      = await.Requirement{ID: agentstate.NeedRegion, What: "a region", Verb: "is known"}
	needCredentials = await.Requirement{ID: agentstate.NeedRole, What: "role credentials", Verb: "came"}
	needRecord      = await.Requirement{ID: agentstate.NeedRecord, What: "the record of bootstrap", Verb: "can be read"}
)

// Options configures a Life.
type Options struct {
	Host    *instance.Host
	Version string
	Log     *slog.Logger
	Hangup  <-chan os.Signal // each signal makes the agent reload its settings
}

// Life is the state that outlasts the individual agents of this process.
type Life struct {
	Options
	board *await.Board
	watch *registration.Watch
	// starts records, across all agents of this process, which tasks did not start.
	starts *starts.Watch

	*instance.Instance // as it was when the running agent was created
	// off is true if the environment turns the metadata service off. It is then never queried.
	off bool
	// alone is true if the metadata service has not responded for MUSTER_IMDS_TIMEOUT and the environment names a
	// region.
	alone bool
}

// Begin loads the settings. They include those that bootstrap recorded if the metadata service responds at once.
func Begin(ctx context.Context, o Options) (*Life, error) {
	l := &Life{Options: o, board: await.New(o.Log), watch: &registration.Watch{Log: o.Log}, starts: &starts.Watch{}}
	i, err := l.Host.Read()
	if err != nil {
		return nil, err
	}
	l.Instance = i
	if err = i.Identify(ctx, l.Host.Metadata(min(firstAsk, i.Config.IMDSTimeout))); err == nil {
		return l, i.Recall()
	}
	var failure *imds.Error
	if l.off = errors.As(err, &failure) && failure.Kind == imds.TurnedOff; l.off {
		i.WarnOfNoRecord(l.Log)
	} else if ctx.Err() == nil {
		l.board.Missing(needIdentity, err)
	}
	return l, nil
}

// load reads the settings again, and the record if the instance ID is known.
func (l *Life) load() (err error) {
	l.Instance, err = l.Host.Of(l.Identity)
	return err
}

// Run runs one agent after the other until ctx ends.
func (l *Life) Run(ctx context.Context) error {
	var before *agent.Agent
	for ctx.Err() == nil {
		a, api, err := l.newAgent(ctx)
		if err != nil {
			return err
		}
		if before != nil {
			a.Inherit(before)
		}
		if !l.runOne(ctx, a, api) {
			return nil
		}
		if err := l.load(); err != nil {
			return err
		}
		before = a
	}
	return nil
}

// runOne runs one agent, and meanwhile requests what is missing. It returns true if that is now available, so that
// another agent must follow.
func (l *Life) runOne(ctx context.Context, a *agent.Agent, api *awsapi.Client) (again bool) {
	found := *l
	seen := *l.Instance
	found.Instance = &seen
	asking, enough := context.WithCancel(ctx)
	came := make(chan struct{}, 1)
	var asks sync.WaitGroup
	asks.Go(func() {
		if found.await(asking, api) {
			came <- struct{}{}
		}
	})
	a.Again = came
	again = a.Run(ctx)
	enough()
	asks.Wait()
	l.Identity, l.alone = found.Identity, found.alone
	return again
}

// provisional reports whether the agent must keep its counts instead of publishing them.
func (l *Life) provisional(api *awsapi.Client) bool {
	return api.Region() == "" || l.Identity.InstanceID == "" && !l.off && !l.alone
}

// await returns true if something is now available that the running agent cannot use.
func (l *Life) await(ctx context.Context, api *awsapi.Client) bool {
	switch {
	case l.Identity.InstanceID == "" && !l.off:
		return l.awaitIdentity(ctx, api.Region() != "")
	case api.Region() == "":
		return l.board.Until(ctx, needRegion, l.region) == nil
	}
	asking, stop := context.WithCancel(ctx)
	defer stop()
	var asks sync.WaitGroup
	defer asks.Wait()
	asks.Go(func() { _ = l.board.Until(asking, needCredentials, api.Credentials) })
	if l.off || l.Record.InstanceID != "" {
		return false
	}
	defer stop() // runs before asks.Wait, because the next agent requests the credentials again
	return l.board.Until(ctx, needRecord, l.record) == nil
}

// awaitIdentity waits for the instance's identity. If the environment names a region, it also returns after
// MUSTER_IMDS_TIMEOUT. Metrics are then published without an instance ID.
func (l *Life) awaitIdentity(ctx context.Context, region bool) bool {
	asking, stop := context.WithCancel(ctx)
	defer stop()
	if region && !l.alone {
		asking, stop = context.WithTimeout(ctx, l.Config.IMDSTimeout)
		defer stop()
	}
	err := l.board.Until(asking, needIdentity, func(ctx context.Context) (err error) {
		l.Identity, err = l.Host.Metadata(firstAsk).Identity(ctx)
		return err
	})
	l.alone = l.alone || err != nil && ctx.Err() == nil
	return ctx.Err() == nil
}

// region checks whether the settings file names a region by now.
func (l *Life) region(ctx context.Context) error {
	if _, err := l.Host.Settings(); err != nil {
		return err
	}
	api, err := l.Host.AWS(ctx, "")
	if err == nil && api.Region() == "" {
		err = errors.New("the metadata service is turned off by AWS_EC2_METADATA_DISABLED, and AWS_REGION is not set")
	}
	return err
}

// record checks whether bootstrap has written a record of this instance by now. The agent works without one if another
// source names the cluster.
func (l *Life) record(ctx context.Context) error {
	dir := l.Config.InstanceDir(l.Identity.InstanceID)
	rec, err := record.Read(dir)
	if err != nil || rec.InstanceID != "" {
		return err
	}
	err = fmt.Errorf("bootstrap has left no record in %s, and nothing else names the cluster", dir)
	if l.Config.Cluster != "" {
		return errors.Join(await.ErrOptional, err)
	}
	if meta, failed := l.Introspection().Metadata(ctx); failed == nil && meta.Cluster != "" {
		return errors.Join(await.ErrOptional, err)
	}
	return err
}
