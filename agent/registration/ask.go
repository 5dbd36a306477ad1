package registration

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"muster/internal/awsapi"
)

const (
	// askEvery is what lies between two questions to ECS, on average: the whole
	// fleet shares one bucket of 20 a second (docs/reference/metrics.md has the figure).
	askEvery = 15 * time.Minute
	// maxBackoff bounds what failures in a row make of it: 2^3 times, two hours.
	maxBackoff  = 3
	askPatience = 10 * time.Second
	// OffAnswers in a row mean a lost connection: a single one may have caught one
	// of the normal, short disconnects.
	OffAnswers = 2
)

// ContainerInstances is ECS's own account of a registration.
type ContainerInstances interface {
	ContainerInstance(ctx context.Context, cluster, arn string) (awsapi.ContainerInstance, error)
}

// Word is what ECS said of this container instance when it was asked last.
type Word struct {
	At        time.Time // of the last answer; zero without one
	Trouble   string    // why there was none to the last question
	Connected bool
	Status    string // ACTIVE, DRAINING, ...; INACTIVE also of one that ECS no longer knows
	// EC2 is the EC2 instance id that ECS has for the ARN; empty: it named none.
	EC2 string
	// Foreign is that id where it is another instance's. Nothing else is then known.
	Foreign string
	// Off is how many answers in a row said that it is not connected, the first
	// of them at OffSince.
	Off      int
	OffSince time.Time
}

// Known says whether the word is worth something: ECS answered the last question.
func (w Word) Known() bool { return !w.At.IsZero() && w.Trouble == "" }

// judge is the state of a registration that the ECS agent itself reports.
func (w Word) judge(now time.Time, arn string, self Self) view {
	switch {
	case w.Foreign != "":
		return view{Lost, "port 51678 answers for another instance: ECS has " + arn + " as " + w.Foreign + ", and this is " + self.InstanceID, true}
	case !w.Known():
	case w.Status == "INACTIVE":
		return view{Lost, "ECS has deregistered " + arn + ": restart the ECS agent without its agent.db, or replace the instance", true}
	case w.Off >= OffAnswers && now.Sub(w.OffSince) >= lostAfter:
		return view{Disconnected, "ECS does not hear from the ECS agent: is 443 open to ecs-a-* and ecs-t-*, and does the role allow ecs:Poll?", true}
	}
	return view{Registered, arn, true}
}

// asking is when ECS is asked next.
type asking struct {
	due      time.Time
	failures int // in a row
}

// ask asks ECS if it is due.
func (w *Watch) ask(ctx context.Context, now time.Time, troubled bool) {
	switch {
	case w.ECS == nil || w.claim.arn == "":
		return
	case w.asking.due.IsZero(): // a fleet that starts at once is spread
		w.asking.due = now.Add(rand.N(askEvery))
	}
	if now.Before(w.asking.due) {
		return
	}
	ctx, stop := context.WithTimeout(ctx, askPatience)
	defer stop()
	said, err := w.ECS.ContainerInstance(ctx, w.claim.cluster, w.claim.arn)
	if errors.Is(err, awsapi.ErrNoSuchInstance) || errors.Is(err, awsapi.ErrNoSuchCluster) {
		said, err = awsapi.ContainerInstance{Status: "INACTIVE"}, nil
	}
	w.take(now, said, err)
	w.asking.due = now.Add(w.pause(troubled))
}

func (w *Watch) take(now time.Time, said awsapi.ContainerInstance, err error) {
	word := &w.snapshot.ECS
	log := w.Log.With("phase", "registration")
	if err != nil {
		w.asking.failures++
		if word.Trouble == "" { // once, not each time
			log.Warn("whether ECS hears from this instance is unknown: " + err.Error())
		}
		word.Trouble = err.Error()
		return
	}
	if word.Trouble != "" {
		log.Info("ECS can be asked again")
	}
	w.asking.failures, word.Trouble, word.At = 0, "", now
	if w.Self.differs(said.EC2InstanceID) { // nothing that is said of it is about this instance
		*word = Word{Foreign: said.EC2InstanceID}
		return
	}
	w.snapshot.Cluster, w.snapshot.ARN = w.claim.cluster, w.claim.arn
	word.Connected, word.Status, word.EC2, word.Foreign = said.Connected, said.Status, said.EC2InstanceID, ""
	switch {
	case said.Connected:
		word.Off, word.OffSince = 0, time.Time{}
	case word.Off == 0:
		word.OffSince = now
		fallthrough
	default:
		word.Off++
	}
}

// pause is jittered by a third both ways, so that no fleet falls into step.
func (w *Watch) pause(troubled bool) time.Duration {
	pause := askEvery
	if w.Hurry > 0 && (troubled || w.snapshot.ECS.Off > 0) {
		pause = min(pause, w.Hurry)
	}
	pause <<= min(w.asking.failures, maxBackoff)
	return pause*2/3 + rand.N(pause*2/3)
}
