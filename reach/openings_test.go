package reach

import (
	"fmt"
	"slices"
	"testing"
)

func with(w World, openings []Opening) World {
	w.Groups = slices.Clone(w.Groups)
	for _, o := range openings {
		g := Group{ID: o.Group}
		for _, r := range o.Ports {
			g.Rules = append(g.Rules, Rule{Direction: o.Direction, Protocol: o.Protocol, Ports: r, Peer: o.Peer})
		}
		w.Groups = append(w.Groups, g)
	}
	return w
}

// Apply all openings and evaluate again: no pair is closed at a group, no port was opened that no need requires, and
// every rule was necessary.
func TestOpeningsOpenEverythingThatRulesCanAndNothingElse(t *testing.T) {
	printed := 0
	for seed := range uint64(2 * worlds) {
		d := roll(seed)
		w, eps, needs := d.world(), d.endpoints(5), d.needs()
		oneRegion := seed%2 == 0 // otherwise a group is in several regions, which is impossible in reality
		if oneRegion {
			inOneRegion(eps)
		}
		m := mustMatrix(t, w, eps, eps, needs...)
		openings := Openings(nil, m)
		printed += len(openings)
		if closed := closedAtGroups(with(w, openings), eps, needs); closed != "" {
			t.Fatalf("seed %d: after %d openings: %s", seed, len(openings), closed)
		}
		open := openAtGroups(with(w, openings), eps, needs)
		for i, o := range openings {
			assertNeeded(t, seed, o, needs)
			if i > 0 && openings[i-1].Ports.Count() > o.Ports.Count() {
				t.Fatalf("seed %d: the least does not stand first", seed)
			}
			for r := range o.Ports {
				if oneRegion && openAtGroups(with(w, without(openings, i, r)), eps, needs) == open {
					t.Errorf("seed %d: as much is open without %s of %s", seed, o.Ports[r], o.Command())
				}
			}
		}
	}
	if printed < 1000 {
		t.Errorf("only %d openings were tried", printed)
	}
	t.Logf("%d openings in %d worlds", printed, 2*worlds)
}

// without returns the openings without one range of one of them, which is one printed rule.
func without(openings []Opening, i, r int) []Opening {
	out := slices.Clone(openings)
	out[i].Ports = slices.Delete(slices.Clone(out[i].Ports), r, r+1)
	return out
}

func inOneRegion(eps []Endpoint) {
	for i := range eps {
		eps[i].Region, eps[i].Account = "r1", "1"
	}
}

// assertNeeded checks that an opening has pairs that need all of its ports.
func assertNeeded(t *testing.T, seed uint64, o Opening, needs []Need) {
	t.Helper()
	if asked := askedFor(o.Protocol, needs); !asked.Covers(o.Ports) {
		t.Fatalf("seed %d: %s opens %s, required are %s", seed, o.Group, o.Ports, asked)
	}
	if o.Pairs == 0 || len(o.From) == 0 || len(o.To) == 0 || len(o.Needs) == 0 {
		t.Fatalf("seed %d: an opening for nothing: %+v", seed, o)
	}
}

// askedFor returns the ports that the needs of a protocol require.
func askedFor(p Protocol, needs []Need) (asked Ports) {
	for _, n := range needs {
		if n.Protocol == p {
			asked = asked.Union(n.Ports.set())
		}
	}
	return asked
}

func closedAtGroups(w World, eps []Endpoint, needs []Need) string {
	j := NewJudge(w)
	for _, src := range eps {
		for _, dst := range eps {
			for _, n := range needs {
				if Same(src, dst) {
					continue
				}
				for _, s := range j.Evaluate(src, dst, n).Steps {
					if s.Status == Missing || s.Status == Stale {
						return fmt.Sprintf("%s -> %s %s at %s: %s", src.Name, dst.Name, n, s.Hop, s.Status)
					}
				}
			}
		}
	}
	return ""
}

// openAtGroups counts the ports that security groups open. A port that is unknown does not count: a rule for a group opens
// nothing for a peer whose groups could not be read.
func openAtGroups(w World, eps []Endpoint, needs []Need) (count int) {
	j := NewJudge(w)
	for _, src := range eps {
		for _, dst := range eps {
			for _, n := range needs {
				if Same(src, dst) {
					continue
				}
				for _, s := range j.Evaluate(src, dst, n).Steps {
					if s.Hop == SourceEgress || s.Hop == DestinationIngress {
						count += s.Open.Count()
					}
				}
			}
		}
	}
	return count
}

// The openings of all blocks together are those of the matrix, because a block lists every rule that its pairs need and
// not only that of its first pair.
func TestABlockHasTheOpeningsOfAllItsPairs(t *testing.T) {
	for seed := range uint64(worlds) {
		d := roll(seed)
		w, eps, needs := d.world(), d.endpoints(5), d.needs()
		m := mustMatrix(t, w, eps, eps, needs...)
		var all []Opening
		for _, b := range m.Blocks() {
			for n := range needs {
				all = append(all, m.Openings(b, n)...)
			}
		}
		if closed := closedAtGroups(with(w, all), eps, needs); closed != "" {
			t.Fatalf("seed %d: %s", seed, closed)
		}
	}
}

// Three peers, two in sg-cache and one in sg-batch, all closed on tcp 9000. There must be one rule for each pair of
// groups that has a pair of peers.
func TestEveryPairOfGroupsHasItsRule(t *testing.T) {
	w := World{Groups: []Group{openGroup("sg-cache"), openGroup("sg-batch")}}
	eps := []Endpoint{endpoint("1", "10.0.1.1", "sg-cache"), endpoint("2", "10.0.1.2", "sg-cache"), endpoint("3", "10.0.1.3", "sg-batch")}
	m := mustMatrix(t, w, eps, eps, need(TCP, 9000, 9000))
	var got []string
	for _, o := range m.Openings(m.Blocks()[0], 0) {
		got = append(got, fmt.Sprintf("%s from %s: %v -> %v, %d", o.Group, o.Peer, o.From, o.To, o.Pairs))
	}
	expected := []string{
		"sg-batch from sg-cache: [1 2] -> [3], 2",
		"sg-cache from sg-batch: [3] -> [1 2], 2",
		"sg-cache from sg-cache: [1 2] -> [1 2], 2",
	}
	if !slices.Equal(got, expected) {
		t.Errorf("got %q", got)
	}
}
