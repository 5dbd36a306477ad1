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

// lookLeaving asks whether the instance is about to go, and tells of it once.
func (a *Agent) lookLeaving(ctx context.Context) {
	if a.Metadata == nil {
		return
	}
	status := ""
	if a.snap.ECS.Known() {
		status = a.snap.ECS.Status
	}
	notice, err := leaving.Look(ctx, a.Metadata, status)
	log := a.Log.With("phase", "leaving")
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		if !a.blind {
			log.Warn("whether this instance is about to go is not known: " + err.Error())
		}
		a.blind = true
		return
	case a.blind:
		log.Info("the metadata service answers again")
	}
	a.blind = false
	a.leave(notice)
}

func (a *Agent) leave(notice leaving.Notice) {
	was := a.notice
	a.notice = notice
	switch {
	case was.Reason == notice.Reason:
	case notice.Reason == leaving.Stays:
		a.Log.Info("this instance stays after all; it was to leave: "+was.Text, "phase", "leaving")
	default:
		a.announce(announce.Event{Kind: announce.Leaving, At: time.Now(), Reason: string(notice.Reason) + ": " + notice.Text})
	}
}

// goodbye is what there is to say at the end. That the agent stops is no departure:
// it may be upgraded.
func (a *Agent) goodbye(ctx context.Context) {
	_ = a.Notify(stateStopping)
	ctx, stop := context.WithTimeout(ctx, goodbyeTime)
	defer stop()
	look, enough := context.WithTimeout(ctx, time.Second)
	defer enough()
	if a.notice.Reason == leaving.Stays {
		a.lookLeaving(look)
	}
	if a.notice.Reason == leaving.Stays && a.ShuttingDown(look) {
		a.leave(leaving.Notice{Reason: leaving.Shutdown, Text: "the system of this instance is shutting down"})
	}
	a.publish(time.Now().Truncate(time.Minute))
	var flushing sync.WaitGroup // at once: neither may use up the time of the other
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
