package ports

import (
	"muster/internal/base/gate"
	"muster/reach"
)

// Gate returns whether the ports of this instance are open, for the attribute of the container instance. A pair has two
// ends. A misconfigured peer has closed ports toward every other peer, and must not close the gates of all of them.
//
// An instance therefore counts as closed if a requirement is closed toward more than half of its peers in one
// direction. It counts as open if every requirement is open toward more than half of them. A load balancer counts by
// its nodes. Unknown ports leave the result undecided, unless enough ports are closed.
func (r *Report) Gate() gate.State {
	state := gate.Open
	if r.question.Self < 0 || r.question.OwnInterfaces > 0 {
		state = gate.Undecided
	}
	if r.question.Self < 0 {
		return state
	}
	for _, m := range r.matrices {
		for n := range m.Needs {
			open, closed, unknown := r.tallyOf(m, n)
			switch all := open + closed + unknown; {
			case 2*closed > all:
				return gate.Closed
			case unknown > 0, all > 0 && 2*open <= all:
				state = gate.Undecided
			}
		}
	}
	return state
}

// tallyOf counts the pairs of one requirement by status. It ignores spare ports.
func (r *Report) tallyOf(m *reach.Matrix, need int) (open, closed, unknown int) {
	for _, b := range m.Blocks() {
		pairs := judgedPairs(m, b, need)
		switch r.status(m.Needs[need], b.Outcomes[need]) {
		case reach.Open:
			open += pairs
		case reach.Unknown:
			unknown += pairs
		default:
			closed += pairs
		}
	}
	return open, closed, unknown
}
