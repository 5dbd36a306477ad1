package registration

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"muster/internal/awsapi"
)

// ECS is called every clamp(instances x 0.2 s, 60 s, 20 min). All instances of a cluster share its budget of 20 reads
// per second. These calls use at most five of them. In a cluster of 300 or fewer instances, each calls once a minute.
// docs/reference/metrics.md lists the cost.
const (
	perInstance = 200 * time.Millisecond
	minPause    = time.Minute
	maxPause    = 20 * time.Minute
	// sizeLasts is how long the number of instances is reused.
	sizeLasts = 6 * time.Hour
	// deniedPause is the longest pause after responses that permission is denied.
	deniedPause = 2 * time.Hour
	askPatience = 10 * time.Second
)

const (
	// OffAnswers is the number of consecutive disconnected responses, over at least lostConnection, after which the
	// connection counts as lost.
	// Disconnects of a few minutes, several times an hour, are normal (AWS, "ECS container agent connection").
	OffAnswers     = 2
	lostConnection = 4 * time.Minute
)

// Interval returns the pause between two calls in a cluster with this many instances. 0 means that the number is
// unknown.
func Interval(instances int) time.Duration {
	if instances <= 0 {
		return maxPause
	}
	return min(max(time.Duration(instances)*perInstance, minPause), maxPause)
}

// ContainerInstances is the part of the ECS API that returns registrations.
type ContainerInstances interface {
	ContainerInstance(ctx context.Context, cluster, arn string) (awsapi.ContainerInstance, error)
	RegisteredInstances(ctx context.Context, cluster string) (int, error)
}

// ECSStatus holds ECS's last response about this container instance.
type ECSStatus struct {
	At        time.Time // time of the last response; zero if there was none
	Trouble   string    // why the last call failed; empty if it succeeded
	Connected bool
	Status    string // ACTIVE, DRAINING, ...; also INACTIVE if ECS does not know the instance any more
	// EC2 is the EC2 instance ID that ECS has for the ARN. It is empty if the response has none.
	EC2 string
	// Foreign is that ID if it belongs to another instance. All other fields are then unset.
	Foreign string
	// Off is the number of consecutive responses without a connection. OffSince is the time of the first of them.
	Off      int
	OffSince time.Time
	// Health is ECS's own health check of the instance, such as OK or IMPAIRED, or empty if unknown. Impaired is the
	// number of consecutive IMPAIRED responses. ImpairedSince is the time of the first of them.
	Health        string
	HealthDetail  string
	Impaired      int
	ImpairedSince time.Time
}

// Known reports whether the last call succeeded.
func (s ECSStatus) Known() bool { return !s.At.IsZero() && s.Trouble == "" }

// Lost reports whether the connection is lost, and not only interrupted briefly.
func (s ECSStatus) Lost() bool { return s.Off >= OffAnswers && s.At.Sub(s.OffSince) >= lostConnection }

// unfit returns the number of consecutive responses in which the instance was disconnected or impaired, and the time of
// the first.
func (s ECSStatus) unfit() (answers int, since time.Time, what string) {
	if s.Off > 0 {
		return s.Off, s.OffSince, "disconnected"
	}
	return s.Impaired, s.ImpairedSince, "impaired: " + s.HealthDetail
}

// evaluate returns the state of a registration that the ECS agent itself reports.
func (s ECSStatus) evaluate(arn string, self Self) view {
	switch {
	case s.Foreign != "":
		return view{Lost, "port 51678 responds for another instance: ECS has " + arn + " as " + s.Foreign +
			", and this is " + self.InstanceID, true}
	case !s.Known():
	case s.Status == "INACTIVE":
		return view{Lost, "ECS has deregistered " + arn + ": restart the ECS agent without its agent.db, or replace the instance", true}
	case s.Lost():
		return view{Disconnected, "the ECS agent is not connected to ECS: check port 443 to ecs-a-* and ecs-t-*, " +
			"and ecs:Poll in the role", true}
	}
	return view{Registered, arn, true}
}

// asking is the schedule of the calls to ECS.
type asking struct {
	due      time.Time
	failures int  // consecutive
	denied   bool // the last one was denied
	size     int  // number of instances in the cluster; 0 if unknown
	sizeDue  time.Time
	noSize   bool // the last call for the size failed; logged once
}

// Due returns when the next call to ECS is due, or the zero time if unknown.
func (w *Watch) Due() time.Time { return w.asking.due }

// ask calls ECS if a call is due.
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

// askSize requests the number of instances. It spreads the calls of a fleet that starts at the same time: this call
// over a minute, and the first call about the instance over the interval.
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
		w.Log.With("phase", "registration").Warn("could not get the number of instances from ECS, which determines how often " +
			"ECS is called: " + err.Error())
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
		if word.Trouble == "" { // log only the first failure
			log.Warn("could not get the connection status from ECS: " + err.Error())
		}
		word.Trouble = err.Error()
		return
	}
	if word.Trouble != "" {
		log.Info("ECS can be asked again")
	}
	w.asking.failures, w.asking.denied, word.Trouble, word.At = 0, false, "", now
	if w.Self.differs(said.EC2InstanceID) { // the other fields are about another instance
		*word = ECSStatus{Foreign: said.EC2InstanceID}
		return
	}
	w.snapshot.Cluster, w.snapshot.ARN = w.claim.cluster, w.claim.arn
	word.Connected, word.Status, word.EC2, word.Foreign = said.Connected, said.Status, said.EC2InstanceID, ""
	word.Health, word.HealthDetail = said.Health, said.HealthDetail
	count(!said.Connected, now, &word.Off, &word.OffSince)
	count(said.Health == "IMPAIRED", now, &word.Impaired, &word.ImpairedSince)
}

// count counts consecutive responses.
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

// next returns when the next call is due. It has a jitter of a tenth in both directions, so that the instances of a
// fleet do not call at the same time.
func (w *Watch) next(now time.Time, troubled bool) time.Time {
	word, pause := w.snapshot.ECS, Interval(w.asking.size)
	if unfit, _, _ := word.unfit(); w.MaxInterval > 0 && (troubled || unfit > 0) {
		pause = min(pause, w.MaxInterval)
	}
	if word.Off > 0 && !word.Lost() { // check soon whether the connection is back
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
	// The response that distinguishes a lost connection from an interrupted one must not be late.
	decides := word.OffSince.Add(lostConnection)
	if word.Off > 0 && w.asking.failures == 0 && now.Before(decides) && decides.Before(due) {
		due = decides.Add(rand.N(5 * time.Second))
	}
	return due
}
