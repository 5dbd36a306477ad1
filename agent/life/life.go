// Package life is `muster agent` from the start of the process to its end: which agent
// runs with what is known so far, and which one follows it when more is known. It wires
// the agent's parts; what they do is package agent's.
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

// firstAsk bounds what is waited for the metadata service before the agent begins to
// watch without it.
const firstAsk = 2 * time.Second

// What the agent may have to wait for.
var (
	needIdentity    = await.Need{ID: agentstate.NeedIdentity, What: "instance metadata", Came: "answered"}
	needRegion      = await.Need{ID: agentstate.NeedRegion, What: "a region", Came: "is known"}
	needCredentials = await.Need{ID: agentstate.NeedRole, What: "role credentials", Came: "came"}
	needRecord      = await.Need{ID: agentstate.NeedRecord, What: "the record of bootstrap", Came: "can be read"}
)

// Options are what a Life is made of.
type Options struct {
	Host    *instance.Host
	Version string
	Log     *slog.Logger
	Hangup  <-chan os.Signal // each signal asks the agent to read its settings again
}

// Life is what lasts while one agent follows another in this process.
type Life struct {
	Options
	board *await.Board
	watch *registration.Watch
	// starts remembers over all agents which tasks did not start.
	starts *starts.Watch

	*instance.Instance // as it was when the agent that runs was made
	// off: the metadata service is turned off in the environment, and never asked.
	off bool
	// alone: it has not answered for MUSTER_IMDS_TIMEOUT, and the environment names a region.
	alone bool
}

// Begin loads the settings, with what bootstrap recorded if the metadata service
// answers at once.
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

// load reads the settings again, and the record if it is known whose.
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

// runOne runs one agent, and meanwhile asks for what is missing. It returns true when that
// came and another agent must follow.
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

// provisional reports whether the agent is to keep what it counts.
func (l *Life) provisional(api *awsapi.Client) bool {
	return api.Region() == "" || l.Identity.InstanceID == "" && !l.off && !l.alone
}

// await returns true when something came that the running agent cannot use.
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
	defer stop() // before the wait: the next agent asks for the credentials again
	return l.board.Until(ctx, needRecord, l.record) == nil
}

// awaitIdentity also returns when the metadata service has had its time and the
// environment names a region: metrics are then published without an instance id.
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

// region looks whether the settings file names one by now.
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

// record looks whether bootstrap has left a record of this instance by now. Without one
// the agent works as long as something else names the cluster.
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
