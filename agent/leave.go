package agent

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"
	"time"

	"muster/agent/announce"
	"muster/agent/leaving"
)

// checkLeaving checks whether the instance is about to leave, and reports that once.
func (a *Agent) checkLeaving(ctx context.Context) {
	if a.Metadata == nil {
		return
	}
	status := ""
	if a.loop.registration.ECS.Known() {
		status = a.loop.registration.ECS.Status
	}
	notice, err := leaving.Detect(ctx, a.Metadata, status)
	log := a.Log.With("phase", "leaving")
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		if !a.loop.departureUnknownLogged {
			log.Warn("could not check whether this instance is leaving: " + err.Error())
		}
		a.loop.departureUnknownLogged = true
		return
	case a.loop.departureUnknownLogged:
		log.Info("the metadata service responds again")
	}
	a.loop.departureUnknownLogged = false
	a.setDeparture(notice)
}

func (a *Agent) leaves() bool { return a.loop.departure.Reason != leaving.NotLeaving }

func (a *Agent) setDeparture(notice leaving.Notice) {
	was := a.loop.departure
	a.loop.departure = notice
	switch {
	case was.Reason == notice.Reason:
	case notice.Reason == leaving.NotLeaving:
		a.Log.Info("this instance is no longer leaving: "+was.Text, "phase", "leaving")
	default:
		a.announce(announce.Event{Kind: announce.Leaving, At: time.Now(), Reason: string(notice.Reason) + ": " + notice.Text})
	}
}

// goodbye publishes and announces what is left at the end. A stop of the agent alone does not mean that the instance
// leaves, because the agent may be upgraded.
func (a *Agent) goodbye(ctx context.Context) {
	_ = a.Notify(stateStopping)
	ctx, stop := context.WithTimeout(ctx, goodbyeTime)
	defer stop()
	look, enough := context.WithTimeout(ctx, time.Second)
	defer enough()
	if !a.leaves() {
		a.checkLeaving(look)
	}
	if !a.leaves() && a.ShuttingDown(look) {
		a.setDeparture(leaving.Notice{Reason: leaving.Shutdown, Text: "this instance is shutting down"})
	}
	a.publish(time.Now().Truncate(time.Minute))
	var flushing sync.WaitGroup // concurrent, so that one flush cannot use up the time of the other
	flush := func(part interface{ Flush(context.Context) error }) {
		if err := part.Flush(ctx); err != nil {
			a.Log.Warn(err.Error(), "phase", "goodbye")
		}
	}
	if a.Publisher != nil {
		flushing.Go(func() { flush(a.Publisher) })
	}
	flush(a.Announcer)
	flushing.Wait()
	if err := os.Remove(a.Settings.Path(a.Settings.AgentState)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.Log.Warn(err.Error(), "phase", "goodbye")
	}
}
