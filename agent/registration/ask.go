package registration

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"muster/internal/awsapi"
)

// ECS is asked every clamp(instances x 0.2 s, 60 s, 20 min). All instances of a cluster
// share its budget of 20 reads a second; this takes five at most, and in a cluster of 300
// or fewer each instance asks once a minute. docs/reference/metrics.md has the cost.
const (
	perInstance = 200 * time.Millisecond
	minPause    = time.Minute
	maxPause    = 20 * time.Minute
	// sizeLasts is how long the number of instances is not asked again.
	sizeLasts = 6 * time.Hour
	// deniedPause is the longest pause after answers that a permission is missing.
	deniedPause = 2 * time.Hour
	askPatience = 10 * time.Second
)

const (
	// OffAnswers in a row, over lostConnection, mean a lost connection: disconnects of a
	// few minutes, several an hour, are normal (AWS, "ECS container agent connection").
	OffAnswers     = 2
	lostConnection = 4 * time.Minute
)

// Interval is the pause between two questions in a cluster of so many instances; 0:
// unknown.
func Interval(instances int) time.Duration {
	if instances <= 0 {
		return maxPause
	}
	return min(max(time.Duration(instances)*perInstance, minPause), maxPause)
}

// ContainerInstances is ECS's own account of a registration.
type ContainerInstances interface {
	ContainerInstance(ctx context.Context, cluster, arn string) (awsapi.ContainerInstance, error)
	RegisteredInstances(ctx context.Context, cluster string) (int, error)
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
	// Health is ECS's own check of the instance, such as OK or IMPAIRED; empty: unknown.
	// Impaired is how many answers in a row said IMPAIRED, the first at ImpairedSince.
	Health        string
	HealthDetail  string
	Impaired      int
	ImpairedSince time.Time
}

// Known reports whether ECS answered the last question.
func (w Word) Known() bool { return !w.At.IsZero() && w.Trouble == "" }

// Lost reports whether the connection is lost, and not interrupted for a moment.
func (w Word) Lost() bool { return w.Off >= OffAnswers && w.At.Sub(w.OffSince) >= lostConnection }

// unfit is for how many answers in a row, and since when, the instance has been
// disconnected or impaired.
func (w Word) unfit() (answers int, since time.Time, what string) {
	if w.Off > 0 {
		return w.Off, w.OffSince, "disconnected"
	}
	return w.Impaired, w.ImpairedSince, "impaired: " + w.HealthDetail
}

// judge is the state of a registration that the ECS agent itself reports.
func (w Word) judge(arn string, self Self) view {
	switch {
	case w.Foreign != "":
		return view{Lost, "port 51678 answers for another instance: ECS has " + arn + " as " + w.Foreign +
			", and this is " + self.InstanceID, true}
	case !w.Known():
	case w.Status == "INACTIVE":
		return view{Lost, "ECS has deregistered " + arn + ": restart the ECS agent without its agent.db, or replace the instance", true}
	case w.Lost():
		return view{Disconnected, "ECS does not hear from the ECS agent: is 443 open to ecs-a-* and ecs-t-*, " +
			"and does the role allow ecs:Poll?", true}
	}
	return view{Registered, arn, true}
}

// asking is when ECS is asked next.
type asking struct {
	due      time.Time
	failures int  // in a row
	denied   bool // the last of them
	size     int  // instances of the cluster; 0: unknown
	sizeDue  time.Time
	noSize   bool // the last question for it failed, which is logged once
}

// Due is when ECS is to be asked next; zero: unknown.
func (w *Watch) Due() time.Time { return w.asking.due }

// ask asks ECS if it is due.
func (w *Watch) ask(ctx context.Context, now time.Time, troubled bool) {
	if w.ECS == nil || w.claim.arn == "" {
		return
	}
	ctx, stop := context.WithTimeout(ctx, askPatience)
	defer stop()
	w.askSize(ctx, now)
	if now.Before(w.asking.due) {
		return
	}
	said, err := w.ECS.ContainerInstance(ctx, w.claim.cluster, w.claim.arn)
	if errors.Is(err, awsapi.ErrNoSuchInstance) || errors.Is(err, awsapi.ErrNoSuchCluster) {
		said, err = awsapi.ContainerInstance{Status: "INACTIVE"}, nil
	}
	w.take(now, said, err)
	w.asking.due = w.next(now, troubled)
}

// askSize asks for the number of instances, and spreads a fleet that starts at once: over a
// minute for this question, and over the interval for the first one about the instance.
func (w *Watch) askSize(ctx context.Context, now time.Time) {
	a := &w.asking
	if a.sizeDue.IsZero() {
		a.sizeDue = now.Add(rand.N(minPause))
		a.due = a.sizeDue
	}
	if now.Before(a.sizeDue) {
		return
	}
	size, err := w.ECS.RegisteredInstances(ctx, w.claim.cluster)
	if err == nil {
		a.size = size
	} else if !a.noSize {
		w.Log.With("phase", "registration").Warn("could not ask ECS for the number of instances, which sets how often " +
			"ECS is asked for the connection: " + err.Error())
	}
	a.noSize = err != nil
	if w.snapshot.ECS.At.IsZero() && a.failures == 0 {
		a.due = now.Add(rand.N(Interval(a.size)))
	}
	a.sizeDue = now.Add(sizeLasts*9/10 + rand.N(sizeLasts/5))
}

func (w *Watch) take(now time.Time, said awsapi.ContainerInstance, err error) {
	word := &w.snapshot.ECS
	log := w.Log.With("phase", "registration")
	if err != nil {
		w.asking.failures++
		w.asking.denied = awsapi.KindOf(err) == awsapi.Denied
		if word.Trouble == "" { // logged once
			log.Warn("could not ask ECS whether it hears from this instance: " + err.Error())
		}
		word.Trouble = err.Error()
		return
	}
	if word.Trouble != "" {
		log.Info("ECS can be asked again")
	}
	w.asking.failures, w.asking.denied, word.Trouble, word.At = 0, false, "", now
	if w.Self.differs(said.EC2InstanceID) { // the rest is not about this instance
		*word = Word{Foreign: said.EC2InstanceID}
		return
	}
	w.snapshot.Cluster, w.snapshot.ARN = w.claim.cluster, w.claim.arn
	word.Connected, word.Status, word.EC2, word.Foreign = said.Connected, said.Status, said.EC2InstanceID, ""
	word.Health, word.HealthDetail = said.Health, said.HealthDetail
	count(!said.Connected, now, &word.Off, &word.OffSince)
	count(said.Health == "IMPAIRED", now, &word.Impaired, &word.ImpairedSince)
}

// count counts answers in a row.
func count(is bool, now time.Time, answers *int, since *time.Time) {
	switch {
	case !is:
		*answers, *since = 0, time.Time{}
	case *answers == 0:
		*since = now
		fallthrough
	default:
		*answers++
	}
}

// next is when ECS is asked next. It is jittered by a tenth both ways, so that no fleet
// falls into step.
func (w *Watch) next(now time.Time, troubled bool) time.Time {
	word, pause := w.snapshot.ECS, Interval(w.asking.size)
	if unfit, _, _ := word.unfit(); w.Hurry > 0 && (troubled || unfit > 0) {
		pause = min(pause, w.Hurry)
	}
	if word.Off > 0 && !word.Lost() { // does it come back?
		pause = min(pause, minPause)
	}
	if n := w.asking.failures; n > 0 {
		most := max(pause, maxPause)
		if w.asking.denied {
			most = deniedPause
		}
		pause = min(pause<<min(n, 7), most)
	}
	due := now.Add(pause*9/10 + rand.N(pause/5))
	// The answer that tells a lost connection from an interrupted one is not waited for.
	decides := word.OffSince.Add(lostConnection)
	if word.Off > 0 && w.asking.failures == 0 && now.Before(decides) && decides.Before(due) {
		due = decides.Add(rand.N(5 * time.Second))
	}
	return due
}
