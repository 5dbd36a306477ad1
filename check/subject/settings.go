package subject

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"muster/internal/base/fix"
	"muster/internal/host/ecsconfig"
	"muster/internal/host/netpath"
)

// Settings are the settings of the ECS agent: the one answer that every
// check uses. They are those of the running agent, where its container shows
// them, and Next are those that it will have when it is started again.
type Settings struct {
	*ecsconfig.Settings
	Next     *ecsconfig.Settings
	Sources  ecsconfig.Sources
	Problems []ecsconfig.Problem
}

// Denied is why muster could not read one of the files, nil if it could.
func (s *Settings) Denied() error {
	for _, text := range []ecsconfig.Text{s.Sources.User, s.Sources.Instance, s.Sources.JSON} {
		if errors.Is(text.Err, fs.ErrPermission) {
			return text.Err
		}
	}
	return nil
}

// Unread is why files could not be read, nil if all could.
func (s *Settings) Unread() error {
	return errors.Join(s.Sources.User.Err, s.Sources.Instance.Err, s.Sources.JSON.Err)
}

// Proxy is the proxy that the ECS agent uses. Go reads the names in upper case
// before those in lower case.
func (s *Settings) Proxy() netpath.Proxy {
	return netpath.Proxy{
		HTTP:  s.Any("HTTP_PROXY", "http_proxy").Text,
		HTTPS: s.Any("HTTPS_PROXY", "https_proxy").Text,
		No:    s.Any("NO_PROXY", "no_proxy").Text,
	}
}

// Any is the first of the keys that is set.
func (s *Settings) Any(keys ...string) ecsconfig.Value {
	for _, key := range keys {
		if v, ok := s.Get(key); ok && v.Text != "" {
			return v
		}
	}
	return ecsconfig.Value{}
}

// PlaceOf is the place that a key is set at.
func (s *Settings) PlaceOf(key string) string {
	v, _ := s.Get(key)
	return v.Where()
}

// AskPatience bounds the sources that are asked and not read.
const AskPatience = time.Second

// settingsOnce reads the settings when they are first asked for. Who asks meanwhile
// waits for a channel and not for a lock, which a test's clock could not pass.
type settingsOnce struct {
	asked atomic.Bool
	done  chan struct{}
	read  *Settings
}

func newSettingsOnce() *settingsOnce { return &settingsOnce{done: make(chan struct{})} }

// Settings returns the settings of the ECS agent. A source that does not
// answer adds nothing; the check of it says so.
func (i *Instance) Settings() *Settings {
	if i.settings.asked.CompareAndSwap(false, true) {
		defer close(i.settings.done)
		i.settings.read = i.readSettings()
		return i.settings.read
	}
	<-i.settings.done
	return i.settings.read
}

func (i *Instance) readSettings() *Settings {
	from := ecsconfig.Gather(i.Config.ECSConfig, i.Config.Path)
	ctx, stop := context.WithTimeout(context.Background(), AskPatience)
	defer stop()
	var both sync.WaitGroup
	if i.userData != nil {
		both.Go(func() {
			if data, ok, err := i.userData.UserData(ctx); ok && err == nil {
				from.UserData = data
			}
		})
	}
	if i.container != nil {
		both.Go(func() {
			if c, there, err := i.container.AgentContainer(ctx); there && err == nil && c.Running {
				from.Container = c.Env
			}
		})
	}
	both.Wait()
	s := &Settings{Sources: from}
	s.Settings, s.Problems = ecsconfig.Read(from)
	from.Container = nil
	s.Next, _ = ecsconfig.Read(from)
	return s
}

// Configured is the cluster that the ECS agent's files name, or without one that
// of the running agent, and where; empty if nothing names one.
func (i *Instance) Configured() (name, where string) {
	s := i.Settings()
	c := s.Next.Cluster()
	if c.Origin == ecsconfig.FromDefault {
		c = s.Cluster()
	}
	if c.Origin == ecsconfig.FromDefault {
		return "", ""
	}
	return c.Text, "ECS_CLUSTER in " + c.Where()
}

// AgentFile reads one of the agent's files.
func (i *Instance) AgentFile(path string) (*ecsconfig.File, error) {
	data, err := ecsconfig.Load(i.Config.Path(cmp.Or(path, ecsconfig.DefaultPath))) // a missing one is empty
	return ecsconfig.Parse(data), err
}

// SetOf are those of the keys that are set.
func (s *Settings) SetOf(keys ...string) (values []ecsconfig.Value) {
	for _, key := range keys {
		if v, ok := s.Get(key); ok && v.Text != "" && s.Set(key) {
			values = append(values, v)
		}
	}
	return values
}

// grave are the keys without which the ECS agent does not come as far as its
// cluster: a misread line is a failure.
var grave = []string{"AWS_DEFAULT_REGION", "ECS_BACKEND_HOST", "DOCKER_HOST", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"}

// Hampers reports whether a misread line keeps the ECS agent from where it must go.
func (s *Settings) Hampers(p ecsconfig.Problem) bool {
	if p.Severity != ecsconfig.Misread {
		return false
	}
	proxied := s.Proxy().HTTP != "" || s.Proxy().HTTPS != ""
	return proxied && (p.Sets("NO_PROXY") || p.Sets("no_proxy")) || slices.ContainsFunc(grave, p.Sets)
}

// RemoveKey is the fix that removes the lines of a key from a settings file. Running it
// again does no harm.
func RemoveKey(key, file string) fix.Fix {
	return fix.Do("Remove the line and restart the ECS agent:", fmt.Sprintf("sudo sed -i '/^ *%s=/d' %s", key, file), RestartECS)
}
