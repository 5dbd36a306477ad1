//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"muster/agent/metrics"
)

// queued is the number of data points in each minute that queue writes.
const queued = 3

// queue writes n minutes to the spool, as an agent does that cannot send them. The newest minute is five minutes old.
func (r *rig) queue(n int) {
	p := metrics.NewPublisher(metrics.Options{Dir: filepath.Join(r.Dir(), spoolDir), Log: slog.New(slog.DiscardHandler)})
	first := time.Now().Truncate(time.Minute).Add(-time.Duration(n+5) * time.Minute)
	for i := range n {
		m := metrics.Minute{At: first.Add(time.Duration(i) * time.Minute)}
		for k := range queued {
			m.Data = append(m.Data, metrics.Datum{Name: fmt.Sprintf("Queued%d", k), Unit: metrics.UnitCount, Value: float64(i),
				Dimensions: []metrics.Dimension{{Name: "ClusterName", Value: "prod"}}})
		}
		p.Add(m)
	}
	p.Close()
}

// arrived returns how many data points written by queue CloudWatch accepted.
func (r *rig) arrived() (n int) {
	for k := range queued {
		n += r.sends(fmt.Sprintf("Queued%d", k))
	}
	return n
}

// queuedAll is the number of data points in the three minutes that most rows queue.
const queuedAll = 3 * queued

// settled waits until every queued data point has arrived or is counted as dropped.
func (r *rig) settled(a *prog, limit time.Duration) {
	r.await(a, limit, fmt.Sprintf("all %d queued data have arrived or are counted as dropped", queuedAll), func() bool {
		return r.arrived() == queuedAll || r.arrived()+r.dropped() >= queuedAll
	})
}

// dropped returns how many data points the running agent counts as dropped.
func (r *rig) dropped() int {
	data, err := r.regular(stateFile)
	if err != nil {
		return 0
	}
	var state struct {
		Publishing struct{ Dropped int } `json:"publishing"`
	}
	if json.Unmarshal(data, &state) != nil {
		return 0 // nothingTorn reports this error
	}
	return state.Publishing.Dropped
}

// spoolFails runs an agent with three queued minutes whose spool fails as h describes.
func (r *rig) spoolFails(h how) {
	r.queue(3)
	a := r.agent(h.sending())
	r.settled(a, 100*time.Second)
	r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
	r.want(len(r.files(spoolDir+"/*.damaged")) == 0, "minutes were set aside as damaged: %v", r.files(spoolDir+"/*"))
	a.stop()
}

// spoiltMinute runs an agent with three queued minutes, of which the second was changed by spoil.
func (r *rig) spoiltMinute(spoil func([]byte) []byte) {
	r.queue(3)
	bad := r.files(spoolDir + "/*.minute")[1]
	r.broken(r.Write(bad, spoil([]byte(r.read(bad)))))
	a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
	r.settled(a, 60*time.Second)
	r.want(r.arrived() == 2*queued, "want the %d data of the two good minutes, got %d", 2*queued, r.arrived())
	r.want(len(r.files(spoolDir+"/*.damaged")) == 1, "the damaged minute is not set aside: %v", r.files(spoolDir+"/*"))
	a.says(0, filepath.Base(bad))
	a.stop()
}
