// Package ports puts the verdicts over a fleet's ports into one report and
// shows it: as a table for a person, as JSON, and as a page of HTML. It evaluates
// nothing (package reach does), discovers no peers and probes none; the caller passes
// these results.
package ports

import (
	"fmt"
	"slices"
	"time"

	"muster/internal/base/balancer"
	"muster/internal/base/exitcode"
	"muster/internal/base/fix"
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
	// Balancers dial those who are asked about on Targets, besides what these need
	// of each other. Kinds are the kinds of load balancers, by endpoint name.
	Balancers []reach.Endpoint
	Kinds     map[string]string
	Targets   []reach.Need
	// Listened are the ports on which servers were found on the instance that asks,
	// in the order of Needs; nil: not known.
	Listened []reach.Ports
	Notes    []string // what could not be checked, and why
	At       time.Time
	All      bool // report every block, however many there are
	// OwnInterfaces is the number of running tasks whose own interfaces are not among
	// the peers: ports that are open between instances may be closed between them.
	OwnInterfaces int
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
	// MoreBlocks are left out of Blocks, among them MoreProblems that are not open.
	MoreBlocks   int `json:"moreBlocks,omitempty"`
	MoreProblems int `json:"moreProblems,omitempty"`
	// Hints say where a closed part of a range may not matter.
	Hints []string `json:"hints,omitempty"`

	// Findings and Probes are added by those who looked.
	Findings []Finding `json:"findings,omitempty"`
	Probes   []Probe   `json:"probes,omitempty"`

	question  Question
	worst     reach.Status
	matrix    *reach.Matrix // of all peers, for the picture; nil beside Self
	matrices  []*reach.Matrix
	all       bool
	judge     *reach.Judge
	needs     []reach.Need
	listened  map[string]reach.Ports // by need
	undialled map[string]bool        // why dials could not be made
}

// Peer is one endpoint.
type Peer struct {
	Name    string   `json:"name"`
	Address string   `json:"address,omitempty"`
	ENI     string   `json:"eni,omitempty"`
	Subnet  string   `json:"subnet,omitempty"`
	Groups  []string `json:"groups,omitempty"`
	// Kind is the kind of a load balancer, and ClientAddresses what its targets see in
	// place of the addresses of clients: "replaced" by its own, or "unknown".
	Kind            string `json:"kind,omitempty"`
	ClientAddresses string `json:"clientAddresses,omitempty"`
}

// Block is a set of pairs that fare alike: each of From towards each of To.
type Block struct {
	From     []string  `json:"from"`
	To       []string  `json:"to"`
	Outcomes []Outcome `json:"outcomes"`
}

// Outcome is the verdict over one need, told for the block's first pair.
type Outcome struct {
	Need    string `json:"need"`
	Status  string `json:"status"`
	Hop     string `json:"hop,omitempty"`
	Missing string `json:"missing,omitempty"`
	Unknown string `json:"unknown,omitempty"`
	// Spare are closed ports that only further servers on one host would use.
	Spare    string   `json:"spare,omitempty"`
	Sentence string   `json:"sentence"`
	Warnings []string `json:"warnings,omitempty"`
	// Fixes are the distinct rules that open the ports for every pair of the block, the
	// smallest first. FixCount is their number, if some were left out.
	Fixes    []Fix `json:"fixes,omitempty"`
	FixCount int   `json:"fixCount,omitempty"`

	status reach.Status
	open   string // the open part, where there is a spare one
}

// Fix is a rule that opens what is missing, in three forms.
type Fix struct {
	Command        string `json:"command"`
	CloudFormation string `json:"cloudformation"`
	Terraform      string `json:"terraform"`
}

// Finding is something on this host that stands between a port and its peers.
type Finding struct {
	ID       string `json:"id"`
	Summary  string `json:"summary"`
	Evidence string `json:"evidence,omitempty"`
	// Remedy is Fix in one text.
	Remedy string  `json:"remedy"`
	Fix    fix.Fix `json:"fix,omitzero"`
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
		question: q, Counts: map[string]int{}, Needs: []string{}, Peers: []Peer{}, Blocks: []Block{},
		needs: q.Needs, judge: reach.NewJudge(q.World), all: q.All, listened: map[string]reach.Ports{}}
	for i, n := range q.Needs {
		r.Needs = append(r.Needs, n.String())
		if i < len(q.Listened) {
			r.listened[n.String()] = q.Listened[i]
		}
	}
	for _, e := range q.Peers {
		r.Peers = append(r.Peers, peer(e))
	}
	matrices, err := r.evaluate(q)
	if err == nil && len(q.Balancers) > 0 {
		matrices, err = r.addBalancers(matrices, q)
	}
	if err != nil {
		return nil, fmt.Errorf("judging the ports: %w", err)
	}
	r.matrices = matrices
	for _, m := range matrices {
		r.add(m)
	}
	if n := q.OwnInterfaces; n > 0 {
		r.worst = max(r.worst, reach.Unknown)
		r.Notes = append(r.Notes, fmt.Sprintf("%s with network interfaces of their own not evaluated: pass --service NAME or --family NAME",
			count(n, "running task")))
	}
	return r, nil
}

// Question is what the report answers.
func (r *Report) Question() Question { return r.question }

func (r *Report) evaluate(q Question) ([]*reach.Matrix, error) {
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
		r.Balancers = append(r.Balancers, front(e, q.Kinds[e.Name]))
	}
	r.needs = slices.Concat(r.needs, q.Targets)
	for _, n := range q.Targets {
		r.Needs = append(r.Needs, n.String())
	}
	m, err := r.judge.Matrix(q.Balancers, targets, q.Targets)
	return append(matrices, m), err
}

func (r *Report) add(m *reach.Matrix) {
	for n := range m.Needs {
		for status, count := range m.Tally(n) {
			r.Counts[status.String()] += count
		}
	}
	for _, b := range m.Blocks() {
		problem := r.count(m, b)
		if r.all || len(r.Blocks) < maxBlocks {
			r.Blocks = append(r.Blocks, r.block(m, b))
			continue
		}
		r.MoreBlocks++
		if problem {
			r.MoreProblems++
		}
	}
	for status := reach.Open; status <= reach.Blocked; status++ {
		if r.Counts[status.String()] > 0 {
			r.worst = max(r.worst, status)
		} else {
			delete(r.Counts, status.String())
		}
	}
}

func (r *Report) block(m *reach.Matrix, b reach.Block) Block {
	from, to := pair(m, b)
	out := Block{From: names(m.From, b.From), To: names(m.To, b.To)}
	for n := range m.Needs {
		v := m.Verdict(from, to, n)
		o := outcome(v)
		o.setFixes(m.Openings(b, n))
		r.ease(&o, v)
		out.Outcomes = append(out.Outcomes, o)
	}
	return out
}

// maxBlocks bounds the report. Each block costs an explanation, and in a fleet whose
// rules name every peer by address there are as many as pairs.
const maxBlocks = 500

// count corrects the counts for spare ports, which are open, and reports whether
// anything in the block is not.
func (r *Report) count(m *reach.Matrix, b reach.Block) (problem bool) {
	for n, o := range b.Outcomes {
		status := r.status(m.Needs[n], o)
		if status != o.Status {
			pairs := judgedPairs(m, b, n)
			r.Counts[o.Status.String()] -= pairs
			r.Counts[status.String()] += pairs
		}
		problem = problem || status != reach.Open
	}
	return problem
}

// maxFixes bounds the rules that are printed with one problem; --fix prints all.
const maxFixes = 20

func (o *Outcome) setFixes(all []reach.Opening) {
	for _, f := range all[:min(len(all), maxFixes)] {
		o.Fixes = append(o.Fixes, Fix{f.Command(), f.CloudFormation(), f.Terraform()})
	}
	if len(all) > maxFixes {
		o.FixCount = len(all)
	}
}

// fixes is the number of distinct rules.
func (o *Outcome) fixes() int { return max(o.FixCount, len(o.Fixes)) }

// FixFile is one file with every distinct rule, in one of reach.FixFormats.
func (r *Report) FixFile(format string) string {
	open := func(n reach.Need, o reach.Outcome) bool { return r.status(n, o) == reach.Open }
	return reach.FixFile(format, r.Scope, reach.Openings(open, r.matrices...))
}

// judgedPairs are the pairs of a block, without those of an endpoint and itself.
func judgedPairs(m *reach.Matrix, b reach.Block, need int) (pairs int) {
	for _, from := range b.From {
		for _, to := range b.To {
			if _, judged := m.At(from, to, need); judged {
				pairs++
			}
		}
	}
	return pairs
}

// pair is the pair that stands for the block: the first that is judged, and not
// one endpoint towards itself, which an endpoint without a known interface may be.
func pair(m *reach.Matrix, b reach.Block) (from, to int) {
	for _, from := range b.From {
		for _, to := range b.To {
			if len(m.Needs) == 0 {
				return from, to
			}
			if _, judged := m.At(from, to, 0); judged && m.From[from].Name != m.To[to].Name {
				return from, to
			}
		}
	}
	return b.From[0], b.To[0]
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
	return o
}

// front is a node of a load balancer. Application and Classic Load Balancers open
// connections of their own to the targets; of Network Load Balancers it is an attribute
// of the target group, which is not read.
func front(e reach.Endpoint, kind string) Peer {
	p := peer(e)
	p.Kind, p.ClientAddresses = kind, "unknown"
	if kind == string(balancer.Application) || kind == string(balancer.Classic) {
		p.ClientAddresses = "replaced"
	}
	return p
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

// Closed are the sentences about what is known to be closed, and the first
// command that opens it. What is unknown is not among them.
func (r *Report) Closed() (sentences []string, command string) {
	for _, b := range r.Blocks {
		for _, o := range b.Outcomes {
			if o.status <= reach.Unknown {
				continue
			}
			sentences = append(sentences, o.Sentence)
			if command == "" && len(o.Fixes) > 0 {
				command = o.Fixes[0].Command
			}
		}
	}
	return sentences, command
}

// Err is nil when every port is open, else an error with the exit code: what
// is closed fails, what is only not known is undetermined.
func (r *Report) Err() error {
	switch r.worst {
	case reach.Open:
		return nil
	case reach.Unknown:
		return exitcode.Wrap(exitcode.Undetermined, fmt.Errorf("%s: some ports could not be checked", r.Scope))
	default:
		return exitcode.Wrap(exitcode.Failed, fmt.Errorf("%s: some ports are closed", r.Scope))
	}
}
