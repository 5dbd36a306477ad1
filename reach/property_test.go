package reach

import (
	"reflect"
	"slices"
	"testing"
)

const worlds = 200

func eachPair(t *testing.T, check func(t *testing.T, d dice, w World, src, dst Endpoint, n Need)) {
	t.Helper()
	for seed := range uint64(worlds) {
		d := roll(seed)
		w, eps, needs := d.world(), d.endpoints(4), d.needs()
		for _, src := range eps {
			for _, dst := range eps {
				for _, n := range needs {
					check(t, d, w, src, dst, n)
				}
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func TestOpenUnknownAndMissingAddUpToTheNeed(t *testing.T) {
	seen := map[Status]int{}
	hops := map[Hop]int{}
	eachPair(t, func(t *testing.T, _ dice, w World, src, dst Endpoint, n Need) {
		v := NewJudge(w).Evaluate(src, dst, n)
		seen[v.Status]++
		hops[v.Hop]++
		parts(t, n.Ports, v.Open(n), v.Unknown, v.Missing)
		for _, s := range v.Steps {
			parts(t, s.Asked, s.Open, s.Unknown, s.Missing)
		}
		if (v.Status == Open) != (len(v.Open(n)) == 1 && len(v.Missing)+len(v.Unknown) == 0) {
			t.Errorf("%s with missing %s and unknown %s", v.Status, v.Missing, v.Unknown)
		}
	})
	for s := Open; s <= Blocked; s++ {
		if seen[s] == 0 {
			t.Errorf("the worlds hold no %s: %v", s, seen)
		}
	}
	if len(hops) != 6 {
		t.Errorf("the worlds do not exercise every hop: %v", hops)
	}
}

func parts(t *testing.T, whole Range, sets ...Ports) {
	t.Helper()
	var all Ports
	count := 0
	for _, s := range sets {
		all = all.Union(s)
		count += s.Count()
	}
	if !reflect.DeepEqual(all, whole.set()) || count != whole.set().Count() {
		t.Errorf("%v do not part %s", sets, whole)
	}
}

func TestAnotherRuleNeverClosesAPort(t *testing.T) {
	eachPair(t, func(t *testing.T, d dice, w World, src, dst Endpoint, n Need) {
		before := NewJudge(w).Evaluate(src, dst, n)
		i := d.IntN(len(w.Groups))
		more := w
		more.Groups = slices.Clone(w.Groups)
		more.Groups[i].Rules = append(slices.Clone(w.Groups[i].Rules), d.rule())
		after := NewJudge(more).Evaluate(src, dst, n)
		if !after.Open(n).Covers(before.Open(n)) {
			t.Errorf("open %s became %s", before.Open(n), after.Open(n))
		}
		if !before.Missing.Covers(after.Missing) {
			t.Errorf("missing %s became %s", before.Missing, after.Missing)
		}
	})
}

func TestVerdictsDoNotDependOnTheOrderOfRules(t *testing.T) {
	eachPair(t, func(t *testing.T, d dice, w World, src, dst Endpoint, n Need) {
		before := NewJudge(w).Evaluate(src, dst, n)
		shuffled := w
		shuffled.Groups = slices.Clone(w.Groups)
		for i := range shuffled.Groups {
			rules := slices.Clone(w.Groups[i].Rules)
			d.Shuffle(len(rules), func(a, b int) { rules[a], rules[b] = rules[b], rules[a] })
			shuffled.Groups[i].Rules = rules
		}
		src.Groups = slices.Clone(src.Groups)
		slices.Reverse(src.Groups)
		after := NewJudge(shuffled).Evaluate(src, dst, n)
		if !reflect.DeepEqual(before.Outcome, after.Outcome) {
			t.Errorf("%+v became %+v", before.Outcome, after.Outcome)
		}
	})
}

// After the suggested rules are applied, the groups are open. Ports that are still closed are closed by an ACL or
// unknown.
func TestFixesOpenTheMissingPorts(t *testing.T) {
	fixed := 0
	eachPair(t, func(t *testing.T, _ dice, w World, src, dst Endpoint, n Need) {
		v := NewJudge(w).Evaluate(src, dst, n)
		better := w
		for _, f := range v.Fixes {
			g := Group{ID: f.Group}
			for _, r := range f.Ports {
				g.Rules = append(g.Rules, Rule{Direction: f.Direction, Protocol: f.Protocol, Ports: r, Peer: f.Peer})
			}
			better.Groups = append(slices.Clone(better.Groups), g)
			fixed++
		}
		for _, s := range NewJudge(better).Evaluate(src, dst, n).Steps {
			if s.Status == Missing || s.Status == Stale {
				t.Errorf("still %s after %v\n%s", s.Status, v.Fixes, v.Sentence())
			}
		}
	})
	if fixed < 1000 {
		t.Errorf("only %d fixes were tried", fixed)
	}
}

func TestMatrixEqualsEvaluatingEveryPair(t *testing.T) {
	for seed := range uint64(worlds) {
		d := roll(seed)
		w, needs := d.world(), d.needs()
		from, to := d.endpoints(7), d.endpoints(6)
		if d.oneIn(2) {
			to = from
		}
		j := NewJudge(w)
		m, err := j.Matrix(from, to, needs)
		if err != nil {
			t.Fatal(err)
		}
		compareNaively(t, j, m)
		compareBlocks(t, m)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func compareNaively(t *testing.T, j *Judge, m *Matrix) {
	t.Helper()
	tally := make([]map[Status]int, len(m.Needs))
	cells := 0
	for i, src := range m.From {
		for k, dst := range m.To {
			for n, wanted := range m.Needs {
				got, ok := m.At(i, k, n)
				if ok == Same(src, dst) {
					t.Fatalf("%s -> %s: judged is %v", src.Name, dst.Name, ok)
				}
				if !ok {
					continue
				}
				cells++
				naive := j.Evaluate(src, dst, wanted)
				if !sameOutcome(got, naive.Outcome) {
					t.Errorf("%s -> %s %s: matrix %+v, alone %+v", src.Name, dst.Name, wanted, got, naive.Outcome)
				}
				if full := m.Verdict(i, k, n); !sameOutcome(full.Outcome, got) {
					t.Errorf("%s -> %s %s: the full verdict is %+v", src.Name, dst.Name, wanted, full.Outcome)
				}
				if tally[n] == nil {
					tally[n] = map[Status]int{}
				}
				tally[n][got.Status]++
			}
		}
	}
	for n := range m.Needs {
		for s := Open; s <= Blocked; s++ {
			if got := m.Tally(n)[s]; got != tally[n][s] {
				t.Errorf("tally of %s: %d, counted %d", s, got, tally[n][s])
			}
		}
	}
	for range m.All() {
		cells--
	}
	if cells != 0 {
		t.Errorf("All differs by %d cells", cells)
	}
}

func sameOutcome(a, b Outcome) bool {
	return a.Status == b.Status && a.Hop == b.Hop && slices.Equal(a.Missing, b.Missing) && slices.Equal(a.Unknown, b.Unknown)
}

func compareBlocks(t *testing.T, m *Matrix) {
	t.Helper()
	covered := map[[2]int]bool{}
	for _, b := range m.Blocks() {
		for _, i := range b.From {
			for _, k := range b.To {
				if covered[[2]int{i, k}] {
					t.Errorf("pair %d, %d is in two blocks", i, k)
				}
				covered[[2]int{i, k}] = true
				for n := range m.Needs {
					if o, ok := m.At(i, k, n); ok && !sameOutcome(o, b.Outcomes[n]) {
						t.Errorf("pair %d, %d, need %d: block says %+v, matrix %+v", i, k, n, b.Outcomes[n], o)
					}
				}
			}
		}
	}
	for c := range m.All() {
		if !covered[[2]int{c.From, c.To}] {
			t.Errorf("pair %d, %d is in no block", c.From, c.To)
		}
	}
}

func TestEveryVerdictMakesASentence(t *testing.T) {
	eachPair(t, func(t *testing.T, _ dice, w World, src, dst Endpoint, n Need) {
		v := NewJudge(w).Evaluate(src, dst, n)
		contains(t, v.Sentence(), src.Name, dst.Name, ": ")
		if v.Status != Open && v.Hop != Nowhere {
			contains(t, v.Sentence(), v.Hop.String())
		}
		if v.Status == Unknown && len(v.Unread) == 0 {
			t.Errorf("UNKNOWN without a reason: %s", v.Sentence())
		}
		for c := NotProbed; c <= Silent; c++ {
			contains(t, v.Join(Probe{n.Ports.First, c}), src.Name, dst.Name)
		}
	})
}
