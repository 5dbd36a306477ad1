package agent

import (
	"cmp"
	"context"
	"time"

	"muster/agent/agentstate"
	"muster/agent/announce"
	"muster/agent/containers"
	"muster/agent/registration"
)

// Announcer tells what has changed: an announce.Announcer.
type Announcer interface {
	Run(ctx context.Context)
	Announce(e announce.Event)
	// Forward tells the bus alone: the journal has the event.
	Forward(e announce.Event)
	Told
}

// Told is what became of what an Announcer told.
type Told interface {
	Flush(ctx context.Context) error
	Stats() announce.Stats
}

// tellTransitions announces what happens to containers, as it happens.
func (a *Agent) tellTransitions(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case t := <-a.Containers.Transitions():
			a.tellTransition(t)
		}
	}
}

// tellTransition announces what somebody should be woken for. A lone crash is for
// the journal; that Docker is away has been logged by who saw it.
func (a *Agent) tellTransition(t containers.Transition) {
	id := t.Container
	switch t.Kind {
	case containers.DockerLost, containers.DockerRegained:
		a.remember(t.At, string(t.Kind), t.Detail)
	case containers.Crash:
		a.say(a.Log.Warn, string(t.Kind), called(id)+": "+t.Detail, "container", called(id))
	default: // the kinds of both packages have the same names; a test holds them together
		a.announce(announce.Event{Kind: announce.Kind(t.Kind), At: t.At, Cluster: clusterName(id.Cluster), Service: id.Service, Family: id.Family,
			Task: id.TaskARN, Container: cmp.Or(id.Container, id.Name), Reason: t.Detail})
	}
}

// registrationChanged announces what is lost, and what comes back. While the
// instance leaves, it is meant to lose its registration.
func (a *Agent) registrationChanged(c registration.Change) {
	e := announce.Event{Kind: announce.RegistrationLost, At: c.At, Reason: string(c.Is) + ": " + c.Why}
	switch {
	case c.Is == registration.Unknown: // this process cannot look
		a.say(a.Log.With("was", string(c.Was), "is", string(c.Is)).Warn, "registration", c.Why)
		return
	case c.Is == registration.Registered && c.Was == registration.Unknown, c.Is != registration.Registered && a.leaves():
		a.say(a.Log.With("was", string(c.Was), "is", string(c.Is)).Info, "registration", c.Why)
		return
	case c.Is == registration.Registered:
		e.Kind = announce.RegistrationRegained
	}
	a.announce(e)
}

// announce fills in who tells it.
func (a *Agent) announce(e announce.Event) {
	e.Instance, e.Cluster = a.InstanceID, cmp.Or(e.Cluster, a.clusterName())
	a.Announcer.Announce(e)
	a.hold(e)
	text := e.Reason
	if e.Container != "" {
		text = called(containers.Identity{Name: e.Container, Container: e.Container, Service: e.Service, Family: e.Family}) + ": " + text
	}
	a.remember(e.At, string(e.Kind), text)
}

// say is for what belongs into the journal alone.
func (a *Agent) say(log func(string, ...any), kind, text string, attrs ...any) {
	log(text, append([]any{"phase", kind}, attrs...)...)
	a.remember(time.Now(), kind, text)
}

// remember keeps what was said for the state file.
func (a *Agent) remember(at time.Time, kind, text string) {
	a.mu.Lock()
	a.recent = append([]agentstate.Event{{At: at, Kind: kind, Text: text}}, a.recent[:min(len(a.recent), agentstate.Most-1)]...)
	a.mu.Unlock()
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

// called is how a person calls a container: service/container, or Docker's name.
func called(id containers.Identity) string {
	of := cmp.Or(id.Service, id.Family)
	if of == "" {
		return clip(cmp.Or(id.Container, id.Name))
	}
	return clip(of) + "/" + clip(id.Container)
}

// clip bounds a name, which is a label and can be of any length; ECS's have at most
// 255 characters.
func clip(name string) string { return name[:min(len(name), 255)] }
