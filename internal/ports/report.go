// Package ports puts the verdicts over a fleet's ports into one report and
// shows it: as a table for a person, as JSON, and as a page of HTML. It judges
// nothing (package reach does), discovers no peers and dials nobody; what those
// found is handed in.
package ports

import (
	"fmt"
	"slices"
	"time"

	"muster/internal/exitcode"
	"muster/reach"
)

// Question is what is to be judged and shown.
type Question struct {
	Scope string // "cluster prod"
	// Self is the instance that asks, an index into Peers, or -1 for the whole
	// matrix.
	Self   int
	Region string
	Peers  []reach.Endpoint
	World  reach.World
	Needs  []reach.Need
	// Balancers dial those who are asked about on Target, besides what these need
	// of each other.
	Balancers []reach.Endpoint
	Target    reach.Need
	Notes     []string // what could not be looked at, and why
	At        time.Time
}

// Report is the answer. It is what --output json prints; fields are only ever
// added.
type Report struct {
	Schema int       `json:"schema"`
	Scope  string    `json:"scope"`
	Region string    `json:"region"`
	Self   string    `json:"self,omitempty"`
	At     time.Time `json:"at"`
	Peers  []Peer    `json:"peers"`
	// Balancers are those in front of the peers that were asked about.
	Balancers []Peer         `json:"balancers,omitempty"`
	Needs     []string       `json:"needs"`
	Counts    map[string]int `json:"counts"` // judged pairs times needs, by status
	Blocks    []Block        `json:"blocks"` // worst first; every pair is in exactly one for each direction asked
	Notes     []string       `json:"notes,omitempty"`

	// Findings and Probes are added by those who looked.
	Findings []Finding `json:"findings,omitempty"`
	Probes   []Probe   `json:"probes,omitempty"`

	worst  reach.Status
	matrix *reach.Matrix // of all peers, for the picture; nil beside Self
	judge  *reach.Judge
	needs  []reach.Need
}

// Peer is one endpoint.
type Peer struct {
	Name    string   `json:"name"`
	Address string   `json:"address,omitempty"`
	ENI     string   `json:"eni,omitempty"`
	Subnet  string   `json:"subnet,omitempty"`
	Groups  []string `json:"groups,omitempty"`
}

// Block is a set of pairs that fare alike: each of From towards each of To.
type Block struct {
	From     []string  `json:"from"`
	To       []string  `json:"to"`
	Outcomes []Outcome `json:"outcomes"`
}

// Outcome is the verdict over one need, told for the block's first pair.
type Outcome struct {
	Need     string   `json:"need"`
	Status   string   `json:"status"`
	Hop      string   `json:"hop,omitempty"`
	Missing  string   `json:"missing,omitempty"`
	Unknown  string   `json:"unknown,omitempty"`
	Sentence string   `json:"sentence"`
	Warnings []string `json:"warnings,omitempty"`
	Fixes    []Fix    `json:"fixes,omitempty"`

	status reach.Status
}

// Fix is the least rule that would open what is missing, in two spellings.
type Fix struct {
	Command        string `json:"command"`
	CloudFormation string `json:"cloudformation"`
}

// Finding is something on this host that stands between a port and its peers.
type Finding struct {
	ID       string `json:"id"`
	Summary  string `json:"summary"`
	Evidence string `json:"evidence,omitempty"`
	Remedy   string `json:"remedy"`
	// Inferred: what was seen makes it likely; what is configured cannot be seen.
	Inferred bool `json:"inferred,omitempty"`
}

// Probe is a port of a peer that was dialled from here.
type Probe struct {
	To       string `json:"to"`
	Need     string `json:"need"`
	Port     uint16 `json:"port"`
	Contact  string `json:"contact"`
	Error    string `json:"error,omitempty"`
	Sentence string `json:"sentence"` // joined with the static verdict

	passed bool // something answered
	lost   bool // nothing did, or there was no way
	open   bool // by the rules
}

const reportSchema = 1

// Judge answers the question.
func Judge(q Question) (*Report, error) {
	r := &Report{Schema: reportSchema, Scope: q.Scope, Region: q.Region, At: q.At.UTC().Truncate(time.Second), Notes: q.Notes,
		Counts: map[string]int{}, Needs: []string{}, Peers: []Peer{}, Blocks: []Block{},
		needs: q.Needs, judge: reach.NewJudge(q.World)}
	for _, n := range q.Needs {
		r.Needs = append(r.Needs, n.String())
	}
	for _, e := range q.Peers {
		r.Peers = append(r.Peers, peer(e))
	}
	matrices, err := r.matrices(q)
	if err == nil && len(q.Balancers) > 0 {
		matrices, err = r.addBalancers(matrices, q)
	}
	if err != nil {
		return nil, fmt.Errorf("judging the ports: %w", err)
	}
	for _, m := range matrices {
		r.add(m)
	}
	return r, nil
}

func (r *Report) matrices(q Question) ([]*reach.Matrix, error) {
	if q.Self < 0 {
		m, err := r.judge.Matrix(q.Peers, q.Peers, q.Needs)
		r.matrix = m
		return []*reach.Matrix{m}, err
	}
	self := q.Peers[q.Self]
	r.Self = self.Name
	others := append(append([]reach.Endpoint{}, q.Peers[:q.Self]...), q.Peers[q.Self+1:]...)
	out, in, err := r.judge.Against(self, others, q.Needs)
	return []*reach.Matrix{out, in}, err
}

// addBalancers has the balancers dial the instance that asks, or all peers.
func (r *Report) addBalancers(matrices []*reach.Matrix, q Question) ([]*reach.Matrix, error) {
	targets := q.Peers
	if q.Self >= 0 {
		targets = q.Peers[q.Self : q.Self+1]
	}
	for _, e := range q.Balancers {
		r.Balancers = append(r.Balancers, peer(e))
	}
	r.needs = slices.Concat(r.needs, []reach.Need{q.Target})
	r.Needs = append(r.Needs, q.Target.String())
	m, err := r.judge.Matrix(q.Balancers, targets, []reach.Need{q.Target})
	return append(matrices, m), err
}

func (r *Report) add(m *reach.Matrix) {
	for n := range m.Needs {
		for status, count := range m.Tally(n) {
			r.Counts[status.String()] += count
			if count > 0 {
				r.worst = max(r.worst, status)
			}
		}
	}
	for _, b := range m.Blocks() {
		r.Blocks = append(r.Blocks, block(m, b))
	}
}

func block(m *reach.Matrix, b reach.Block) Block {
	from, to := pair(b)
	out := Block{From: names(m.From, b.From), To: names(m.To, b.To)}
	for n := range m.Needs {
		out.Outcomes = append(out.Outcomes, outcome(m.Verdict(from, to, n)))
	}
	return out
}

// pair is the pair that stands for the block: the first that is not one
// endpoint towards itself.
func pair(b reach.Block) (from, to int) {
	from, to = b.From[0], b.To[0]
	if from == to && len(b.To) > 1 {
		to = b.To[1]
	}
	return from, to
}

func outcome(v reach.Verdict) Outcome {
	o := Outcome{Need: v.Need.String(), Status: v.Status.String(), Sentence: v.Sentence(), Warnings: v.Warnings, status: v.Status}
	if v.Hop != reach.Nowhere {
		o.Hop = v.Hop.String()
	}
	if len(v.Missing) > 0 {
		o.Missing = v.Missing.String()
	}
	if len(v.Unknown) > 0 {
		o.Unknown = v.Unknown.String()
	}
	for _, f := range v.Fixes {
		o.Fixes = append(o.Fixes, Fix{f.Command(), f.CloudFormation()})
	}
	return o
}

func peer(e reach.Endpoint) Peer {
	p := Peer{Name: e.Name, ENI: e.ID, Subnet: e.Subnet, Groups: e.Groups}
	if len(e.Addrs) > 0 {
		p.Address = e.Addrs[0].String()
	}
	return p
}

func names(all []reach.Endpoint, which []int) []string {
	out := make([]string, 0, len(which))
	for _, i := range which {
		out = append(out, all[i].Name)
	}
	return out
}

// Closed are the sentences of what is known to be closed, and the first fix.
// What is only not known is none of it.
func (r *Report) Closed() (sentences []string, fix string) {
	for _, b := range r.Blocks {
		for _, o := range b.Outcomes {
			if o.status <= reach.Unknown {
				continue
			}
			sentences = append(sentences, o.Sentence)
			if fix == "" && len(o.Fixes) > 0 {
				fix = o.Fixes[0].Command
			}
		}
	}
	return sentences, fix
}

// Err is nil when every port is open, else an error with the exit code: what
// is closed fails, what is only not known is undetermined.
func (r *Report) Err() error {
	switch r.worst {
	case reach.Open:
		return nil
	case reach.Unknown:
		return exitcode.Wrap(exitcode.Undetermined, fmt.Errorf("%s: some ports could not be judged", r.Scope))
	default:
		return exitcode.Wrap(exitcode.Failed, fmt.Errorf("%s: some ports are closed", r.Scope))
	}
}
