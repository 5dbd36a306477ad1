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

// Settings holds the settings of the ECS agent, which every check uses. They are the settings of the running agent if
// its container shows them. Next holds those that the agent will have after its next start.
type Settings struct {
	*ecsconfig.Settings
	Next     *ecsconfig.Settings
	Sources  ecsconfig.Sources
	Problems []ecsconfig.Problem
}

// Denied returns the error if muster has no permission to read one of the files, or nil.
func (s *Settings) Denied() error {
	for _, text := range []ecsconfig.SourceFile{s.Sources.User, s.Sources.Instance, s.Sources.JSON} {
		if errors.Is(text.Err, fs.ErrPermission) {
			return text.Err
		}
	}
	return nil
}

// Unread returns the errors of files that could not be read, or nil.
func (s *Settings) Unread() error {
	return errors.Join(s.Sources.User.Err, s.Sources.Instance.Err, s.Sources.JSON.Err)
}

// Proxy returns the ECS agent's proxy. Go reads the upper-case names before the lower-case ones.
func (s *Settings) Proxy() netpath.Proxy {
	return netpath.Proxy{
		HTTP:  s.Any("HTTP_PROXY", "http_proxy").Text,
		HTTPS: s.Any("HTTPS_PROXY", "https_proxy").Text,
		No:    s.Any("NO_PROXY", "no_proxy").Text,
	}
}

// Any returns the value of the first key that is set.
func (s *Settings) Any(keys ...string) ecsconfig.Value {
	for _, key := range keys {
		if v, ok := s.Get(key); ok && v.Text != "" {
			return v
		}
	}
	return ecsconfig.Value{}
}

// PlaceOf returns the file and line that sets a key.
func (s *Settings) PlaceOf(key string) string {
	v, _ := s.Get(key)
	return v.Where()
}

// AskPatience is the timeout for sources that are queried instead of read from a file.
const AskPatience = time.Second

// settingsOnce reads the settings on first use. Concurrent users wait on a channel, because waiting for a mutex would
// stop the clock of testing/synctest.
type settingsOnce struct {
	asked atomic.Bool
	done  chan struct{}
	read  *Settings
}

func newSettingsOnce() *settingsOnce { return &settingsOnce{done: make(chan struct{})} }

// Settings returns the settings of the ECS agent. A source that does not respond adds nothing, and the check of that
// source reports it.
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

// Configured returns the cluster that the ECS agent's files name and where, or else the cluster of the running agent.
// Both are empty if no cluster is set.
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

// AgentFile reads one of the agent's settings files.
func (i *Instance) AgentFile(path string) (*ecsconfig.File, error) {
	data, err := ecsconfig.Load(i.Config.Path(cmp.Or(path, ecsconfig.DefaultPath))) // a missing file reads as empty
	return ecsconfig.Parse(data), err
}

// SetOf returns the values of those keys that are set.
func (s *Settings) SetOf(keys ...string) (values []ecsconfig.Value) {
	for _, key := range keys {
		if v, ok := s.Get(key); ok && v.Text != "" && s.Set(key) {
			values = append(values, v)
		}
	}
	return values
}

// essential lists the keys without which the ECS agent cannot reach its cluster. A misread line of such a key is a
// failure.
var essential = []string{"AWS_DEFAULT_REGION", "ECS_BACKEND_HOST", "DOCKER_HOST", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"}

// Blocks reports whether a misread line prevents the ECS agent from joining its cluster.
func (s *Settings) Blocks(p ecsconfig.Problem) bool {
	if p.Severity != ecsconfig.Misread {
		return false
	}
	proxied := s.Proxy().HTTP != "" || s.Proxy().HTTPS != ""
	return proxied && (p.Sets("NO_PROXY") || p.Sets("no_proxy")) || slices.ContainsFunc(essential, p.Sets)
}

// RemoveKey returns the fix that removes the lines of a key from a settings file. It is safe to run again.
func RemoveKey(key, file string) fix.Fix {
	return fix.Do("Remove the line and restart the ECS agent:", fmt.Sprintf("sudo sed -i '/^ *%s=/d' %s", key, file), RestartECS)
}
