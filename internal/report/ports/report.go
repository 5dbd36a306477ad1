// Package ports combines the verdicts about a fleet's ports into one report, and writes it as a table, as JSON and as
// an HTML page. It evaluates no rules (package reach does), and neither discovers nor probes peers. The caller passes
// these results.
package ports

import (
	"fmt"
	"slices"
	"time"

	"muster/internal/base/balancer"
	"muster/internal/base/exitcode"
	"muster/internal/base/fix"
	"muster/internal/base/plural"
	"muster/reach"
)

// Question is the input of a report.
type Question struct {
	Scope string // "cluster prod"
	// Self is the index in Peers of the instance that runs muster, or -1 for the whole matrix.
	Self   int
	Region string
	Peers  []reach.Endpoint
	World  reach.World
	Needs  []reach.Need
	// Balancers are load balancers that dial Targets on Self, or on all peers if there is no Self. This is in addition
	// to the requirements between the peers. Kinds maps the name of an endpoint to the kind of load balancer.
	Balancers []reach.Endpoint
	Kinds     map[string]string
	Targets   []reach.Need
	// Listened holds the ports on which servers listen on Self, in the order of Needs. It is nil if they are unknown.
	Listened []reach.Ports
	Notes    []string // what could not be checked, and why
	At       time.Time
	All      bool // report every block, however many there are
	// OwnInterfaces is the number of running tasks with their own network interfaces that are not among the peers. A
	// port that is open between instances may be closed between such tasks.
	OwnInterfaces int
}

// Report is the result, and the output of --output json. Fields may be added but never removed or renamed.
type Report struct {
	Schema int       `json:"schema"`
	Scope  string    `json:"scope"`
	Region string    `json:"region"`
	Self   string    `json:"self,omitempty"`
	At     time.Time `json:"at"`
	Peers  []Peer    `json:"peers"`
	// Balancers are the load balancers that dial the peers.
	Balancers []Peer         `json:"balancers,omitempty"`
	Needs     []string       `json:"needs"`
	Counts    map[string]int `json:"counts"` // number of pairs times requirements, by status
	Blocks    []Block        `json:"blocks"` // worst first; each pair is in exactly one block per direction
	Notes     []string       `json:"notes,omitempty"`
	// MoreBlocks is the number of blocks left out of Blocks. MoreProblems of them are not open.
	MoreBlocks   int `json:"moreBlocks,omitempty"`
	MoreProblems int `json:"moreProblems,omitempty"`
	// Hints explain where a closed part of a range may not matter.
	Hints []string `json:"hints,omitempty"`

	// The caller adds Findings and Probes after it inspected this host and dialed the peers.
	Findings []Finding `json:"findings,omitempty"`
	Probes   []Probe   `json:"probes,omitempty"`

	question  Question
	worst     reach.Status
	matrix    *reach.Matrix // all peers, for the picture; nil if the report has a Self
	matrices  []*reach.Matrix
	all       bool
	spelled   spelled
	judge     *reach.Judge
	needs     []reach.Need
	listened  map[string]reach.Ports // ports by requirement
	undialled map[string]bool        // set of reasons why a port could not be dialed
}

// Peer is one endpoint.
type Peer struct {
	Name    string   `json:"name"`
	Address string   `json:"address,omitempty"`
	ENI     string   `json:"eni,omitempty"`
	Subnet  string   `json:"subnet,omitempty"`
	Groups  []string `json:"groups,omitempty"`
	// Kind is the kind of a load balancer. ClientAddresses is what its targets see instead of client addresses:
	// "replaced" by its own, or "unknown".
	Kind            string `json:"kind,omitempty"`
	ClientAddresses string `json:"clientAddresses,omitempty"`
}

// Block is a set of pairs with equal verdicts: each peer in From towards each peer in To.
type Block struct {
	From     []string  `json:"from"`
	To       []string  `json:"to"`
	Outcomes []Outcome `json:"outcomes"`
	// MoreFrom and MoreTo are the number of peers that From and To leave out, in a report with thousands of names.
	MoreFrom int `json:"moreFrom,omitempty"`
	MoreTo   int `json:"moreTo,omitempty"`

	from, to []string // all peers
}

// Pairs returns the number of pairs.
func (b *Block) Pairs() int { return (len(b.From) + b.MoreFrom) * (len(b.To) + b.MoreTo) }

// Outcome is the verdict about one requirement. Its sentence describes the block's first pair.
type Outcome struct {
	Need    string `json:"need"`
	Status  string `json:"status"`
	Hop     string `json:"hop,omitempty"`
	Missing string `json:"missing,omitempty"`
	Unknown string `json:"unknown,omitempty"`
	// Spare lists closed ports that only further servers on the same host would use.
	Spare    string   `json:"spare,omitempty"`
	Sentence string   `json:"sentence"`
	Warnings []string `json:"warnings,omitempty"`
	// Fixes are the distinct rules that open the ports for every pair of the block, the smallest first. FixCount is
	// their total number if some were left out.
	Fixes    []Fix `json:"fixes,omitempty"`
	FixCount int   `json:"fixCount,omitempty"`

	status reach.Status
	open   string // the open part, if another part is spare
}

// Fix is a rule that opens the missing ports, in three formats.
type Fix struct {
	Command        string `json:"command"`
	CloudFormation string `json:"cloudformation"`
	Terraform      string `json:"terraform"`
}

// Finding is something on this host that blocks a port for its peers.
type Finding struct {
	ID       string `json:"id"`
	Summary  string `json:"summary"`
	Evidence string `json:"evidence,omitempty"`
	// Remedy is Fix as one string.
	Remedy string  `json:"remedy"`
	Fix    fix.Fix `json:"fix,omitzero"`
	// Inferred is true if the evidence only makes the finding likely, because the configuration itself cannot be read.
	Inferred bool `json:"inferred,omitempty"`
}

// Probe is the result of dialing a port of a peer from this instance.
type Probe struct {
	To       string `json:"to"`
	Need     string `json:"need"`
	Port     uint16 `json:"port"`
	Contact  string `json:"contact"`
	Error    string `json:"error,omitempty"`
	Sentence string `json:"sentence"` // combines the result with the static verdict

	passed bool // the peer responded
	lost   bool // the peer did not respond, or there was no route
	open   bool // the rules allow it
}

const reportSchema = 1

// Judge evaluates the question and returns the report.
func Judge(q Question) (*Report, error) {
	r := &Report{Schema: reportSchema, Scope: q.Scope, Region: q.Region, At: q.At.UTC().Truncate(time.Second), Notes: q.Notes,
		question: q, Counts: map[string]int{}, Needs: []string{}, Peers: []Peer{}, Blocks: []Block{},
		needs: q.Needs, judge: reach.NewJudge(q.World), all: q.All, spelled: spelled{all: q.All}, listened: map[string]reach.Ports{}}
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
			plural.Count(n, "running task")))
	}
	return r, nil
}

// Question returns the input of the report.
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

// addBalancers adds the pairs from each load balancer to Self, or to all peers if there is no Self.
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
	out := Block{from: names(m.From, b.From), to: names(m.To, b.To)}
	out.From, out.MoreFrom = r.spelled.list(out.from)
	out.To, out.MoreTo = r.spelled.list(out.to)
	for n := range m.Needs {
		v := m.Verdict(from, to, n)
		o := outcome(v)
		if r.ease(&o, v); o.status != reach.Open {
			rules := m.Openings(b, n)
			if o.Fixes = r.spelled.rules(rules); len(o.Fixes) < len(rules) {
				o.FixCount = len(rules)
			}
		}
		out.Outcomes = append(out.Outcomes, o)
	}
	return out
}

// count adds spare ports to the open count, and reports whether any requirement of the block is not open.
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

// fixes returns the number of distinct rules.
func (o *Outcome) fixes() int { return max(o.FixCount, len(o.Fixes)) }

// FixFile returns a file with every distinct rule, in one of reach.FixFormats.
func (r *Report) FixFile(format string) string {
	open := func(n reach.Need, o reach.Outcome) bool { return r.status(n, o) == reach.Open }
	openings := reach.Openings(open, r.matrices...)
	return reach.FixFile(format, r.Scope, openings) + r.quota(openings)
}

// judgedPairs counts the pairs of a block, without the pairs of an endpoint with itself.
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

// pair returns the pair that represents the block: the first one with a verdict. It skips pairs of an endpoint with
// itself, which can occur if the endpoint's interface is unknown.
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

// front returns a node of a load balancer. Application and Classic Load Balancers open their own connections to
// targets. For Network Load Balancers an attribute of the target group decides, which is not read.
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

// Closed returns sentences about the ports that are known to be closed, and the first command that opens one. It leaves
// out unknown ports.
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

// Err returns nil if every port is open. Otherwise it returns an error with the exit code: closed ports mean failed,
// and unknown ports alone mean undetermined.
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
