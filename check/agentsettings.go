package check

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"muster/internal/host/ecsconfig"
	"muster/internal/host/netpath"
)

// agentSettings are the settings of the ECS agent: the one answer that every
// check uses. They are those of the running agent, where its container shows
// them, and next are those that it will have when it is started again.
type agentSettings struct {
	*ecsconfig.Settings
	next     *ecsconfig.Settings
	sources  ecsconfig.Sources
	problems []ecsconfig.Problem
}

// denied is why muster could not read one of the files, nil if it could.
func (s *agentSettings) denied() error {
	for _, text := range []ecsconfig.Text{s.sources.User, s.sources.Instance, s.sources.JSON} {
		if errors.Is(text.Err, fs.ErrPermission) {
			return text.Err
		}
	}
	return nil
}

// unread is why files could not be read, nil if all could.
func (s *agentSettings) unread() error {
	return errors.Join(s.sources.User.Err, s.sources.Instance.Err, s.sources.JSON.Err)
}

// proxy is the proxy that the ECS agent uses. Go reads the names in upper case
// before those in lower case.
func (s *agentSettings) proxy() netpath.Proxy {
	return netpath.Proxy{
		HTTP:  s.any("HTTP_PROXY", "http_proxy").Text,
		HTTPS: s.any("HTTPS_PROXY", "https_proxy").Text,
		No:    s.any("NO_PROXY", "no_proxy").Text,
	}
}

// any is the first of the keys that is set.
func (s *agentSettings) any(keys ...string) ecsconfig.Value {
	for _, key := range keys {
		if v, ok := s.Get(key); ok && v.Text != "" {
			return v
		}
	}
	return ecsconfig.Value{}
}

// where is the place that a key is set at.
func (s *agentSettings) where(key string) string {
	v, _ := s.Get(key)
	return v.Where()
}

// askPatience is for the sources that are asked and not read.
const askPatience = time.Second

// settingsOnce reads the settings when they are first asked for. Who asks meanwhile
// waits for a channel and not for a lock, which a test's clock could not pass.
type settingsOnce struct {
	asked atomic.Bool
	done  chan struct{}
	read  *agentSettings
}

func newSettingsOnce() *settingsOnce { return &settingsOnce{done: make(chan struct{})} }

// agentSettings returns the settings of the ECS agent. A source that does not
// answer adds nothing; the check of it says so.
func (w World) agentSettings() *agentSettings {
	if w.settings == nil {
		return w.readSettings()
	}
	if w.settings.asked.CompareAndSwap(false, true) {
		defer close(w.settings.done)
		w.settings.read = w.readSettings()
		return w.settings.read
	}
	<-w.settings.done
	return w.settings.read
}

func (w World) readSettings() *agentSettings {
	from := ecsconfig.Gather(w.Config.ECSConfig, w.Config.Path)
	ctx, stop := context.WithTimeout(context.Background(), askPatience)
	defer stop()
	var both sync.WaitGroup
	if w.IMDS != nil {
		both.Go(func() {
			if data, ok, err := w.IMDS.UserData(ctx); ok && err == nil {
				from.UserData = data
			}
		})
	}
	if w.Engine != nil {
		both.Go(func() {
			if c, there, err := w.Engine.AgentContainer(ctx); there && err == nil && c.Running {
				from.Container = c.Env
			}
		})
	}
	both.Wait()
	s := &agentSettings{sources: from}
	s.Settings, s.problems = ecsconfig.Read(from)
	from.Container = nil
	s.next, _ = ecsconfig.Read(from)
	return s
}

// configured is the cluster that the ECS agent's files name, or without one that
// of the running agent, and where; empty if nothing names one.
func (w World) configured() (name, where string) {
	s := w.agentSettings()
	c := s.next.Cluster()
	if c.Origin == ecsconfig.FromDefault {
		c = s.Cluster()
	}
	if c.Origin == ecsconfig.FromDefault {
		return "", ""
	}
	return c.Text, "ECS_CLUSTER in " + c.Where()
}

// agentConfig reads one of the agent's files.
func (w World) agentConfig(path string) (*ecsconfig.File, error) {
	data, err := ecsconfig.Load(w.Config.Path(cmp.Or(path, ecsconfig.DefaultPath))) // a missing one is empty
	return ecsconfig.Parse(data), err
}

// agentProxy is the proxy that the ECS agent uses.
func (w World) agentProxy() netpath.Proxy { return w.agentSettings().proxy() }
