package agent

import (
	"cmp"
	"context"
	"time"

	"muster/agent/announce"
	"muster/agent/containers"
	"muster/agent/registration"
)

// Announcer publishes events. announce.Announcer implements it.
type Announcer interface {
	Run(ctx context.Context)
	Announce(e announce.Event)
	// Forward sends an event to the bus that is already in the journal.
	Forward(e announce.Event)
	Delivery
}

// Delivery is the part of an Announcer that is used for shutdown and status.
type Delivery interface {
	Flush(ctx context.Context) error
	Stats() announce.Stats
}

// reportTransitions reports changes of containers as they happen.
func (a *Agent) reportTransitions(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case t := <-a.Containers.Transitions():
			a.reportTransition(t)
		}
	}
}

// reportTransition announces a transition that may need a user's attention. A single crash is written only to the
// journal. The watcher has already logged that Docker does not respond.
func (a *Agent) reportTransition(t containers.Transition) {
	id := t.Container
	switch t.Kind {
	case containers.DockerLost, containers.DockerRegained:
		a.shared.remember(t.At, string(t.Kind), t.Detail)
	case containers.Crash:
		a.report(a.Log.Warn, string(t.Kind), called(id)+": "+t.Detail, "container", called(id))
	default: // the kinds of both packages have the same names, which a test verifies
		a.announce(announce.Event{Kind: announce.Kind(t.Kind), At: t.At, Cluster: clusterName(id.Cluster), Service: id.Service, Family: id.Family,
			Task: id.TaskARN, Container: cmp.Or(id.Container, id.Name), Reason: t.Detail})
	}
}

// registrationChanged announces a lost or regained registration. While the instance is leaving, a lost registration is
// expected.
func (a *Agent) registrationChanged(c registration.Change) {
	e := announce.Event{Kind: announce.RegistrationLost, At: c.At, Reason: string(c.Is) + ": " + c.Why}
	switch {
	case c.Is == registration.Unknown: // this process cannot send requests
		a.report(a.Log.With("was", string(c.Was), "is", string(c.Is)).Warn, "registration", c.Why)
		return
	case c.Is == registration.Registered && c.Was == registration.Unknown, c.Is != registration.Registered && a.leaves():
		a.report(a.Log.With("was", string(c.Was), "is", string(c.Is)).Info, "registration", c.Why)
		return
	case c.Is == registration.Registered:
		e.Kind = announce.RegistrationRegained
	}
	a.announce(e)
}

// reportImpaired reports that ECS's own health check of the instance has started or stopped failing.
func (a *Agent) reportImpaired(before bool, word registration.ECSStatus) {
	switch is := word.Impaired > 0; {
	case is && !before:
		a.report(a.Log.Error, "impaired", "ECS reports this instance as impaired: "+word.HealthDetail)
	case !is && before && word.Known():
		a.report(a.Log.Info, "impaired", "ECS no longer reports this instance as impaired")
	}
}

// announce publishes an event of this instance.
func (a *Agent) announce(e announce.Event) {
	e.Instance, e.Cluster = a.InstanceID, cmp.Or(e.Cluster, a.shared.clusterName())
	a.Announcer.Announce(e)
	if a.Provisional {
		a.shared.hold(e)
	}
	text := e.Reason
	if e.Container != "" {
		text = called(containers.Identity{Name: e.Container, Container: e.Container, Service: e.Service, Family: e.Family}) + ": " + text
	}
	a.shared.remember(e.At, string(e.Kind), text)
}

// report writes to the journal and to the state file, but publishes no event.
func (a *Agent) report(log func(string, ...any), kind, text string, attrs ...any) {
	log(text, append([]any{"phase", kind}, attrs...)...)
	a.shared.remember(time.Now(), kind, text)
}

// called returns a container's name for messages: service/container, or Docker's name.
func called(id containers.Identity) string {
	of := cmp.Or(id.Service, id.Family)
	if of == "" || id.Container == "" {
		return clip(cmp.Or(of, id.Container, id.Name))
	}
	return clip(of) + "/" + clip(id.Container)
}

// clip shortens a name, because a label can have any length. Names of ECS have at most 255 characters.
func clip(name string) string { return name[:min(len(name), 255)] }
