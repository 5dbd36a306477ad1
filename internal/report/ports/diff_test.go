package ports

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"muster/internal/base/exitcode"
	"muster/internal/term"
	"muster/reach"
)

// asked is the question of judged.
func asked(t *testing.T, n, self int, ports string) Question {
	t.Helper()
	return judged(t, n, self, ports).Question()
}

func compared(t *testing.T, then, now Question) *Diff {
	t.Helper()
	r, err := Judge(now)
	if err != nil {
		t.Fatal(err)
	}
	d, err := Compare(r, then)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// rules replaces the rules of a group in a copy of the question.
func rules(q Question, group string, edit func([]reach.Rule) []reach.Rule) Question {
	q.World.Groups = slices.Clone(q.World.Groups)
	for i, g := range q.World.Groups {
		if g.ID == group {
			q.World.Groups[i].Rules = edit(slices.Clone(g.Rules))
		}
	}
	return q
}

func without47500(all []reach.Rule) []reach.Rule {
	return slices.DeleteFunc(all, func(r reach.Rule) bool { return r.Ports.First == 47500 })
}

// What is open follows from the rules of world by hand: sg-cache admits the VPC to
// 47500-47599 by one rule, and sg-batch admits it to 47000-47999.
func TestCompare(t *testing.T) {
	for name, c := range map[string]struct {
		edit           func(q Question) (then, now Question)
		closed, opened string // ports, from and to, and causes of the only change
		unknown        bool
		code           int
	}{
		"nothing changed": {edit: func(q Question) (Question, Question) { return q, q }},
		"a rule went": {
			edit:   func(q Question) (Question, Question) { return q, rules(q, "sg-cache", without47500) },
			closed: "47500-47599 | i-000,i-001,i-002 > i-000,i-001 | removed: rule 'tcp 47500-47599 from 10.0.0.0/16' of sg-cache", code: 1,
		},
		"a rule came": {
			edit:   func(q Question) (Question, Question) { return rules(q, "sg-cache", without47500), q },
			opened: "47500-47599 | i-000,i-001,i-002 > i-000,i-001 | added: rule 'tcp 47500-47599 from 10.0.0.0/16' of sg-cache",
		},
		"a rule was narrowed": {
			edit: func(q Question) (Question, Question) {
				return q, rules(q, "sg-cache", func(all []reach.Rule) []reach.Rule {
					for i := range all {
						if all[i].Ports.First == 47500 {
							all[i].Ports.Last = 47509
						}
					}
					return all
				})
			},
			closed: "47510-47599 | i-000,i-001,i-002 > i-000,i-001 | removed: rule 'tcp 47500-47599 from 10.0.0.0/16' of sg-cache", code: 1,
		},
		"an interface lost its group": {
			edit: func(q Question) (Question, Question) {
				now := q
				now.Peers = slices.Clone(q.Peers)
				now.Peers[0].Groups = []string{"sg-none"}
				now.World.Groups = append(slices.Clone(q.World.Groups), reach.Group{ID: "sg-none"})
				return q, now
			},
			closed: "47500-47599 | i-000 > i-001,i-002 | the groups of i-000 are sg-none, and were sg-cache", code: 1,
		},
		"what decides cannot be read any more": {
			edit: func(q Question) (Question, Question) {
				now := rules(q, "sg-cache", without47500)
				for i := range now.World.Groups {
					now.World.Groups[i].Unread = reach.Unread{Action: "ec2:DescribeSecurityGroups", Reason: "AccessDenied"}
				}
				return q, now
			},
			unknown: true, code: 3,
		},
		"closed then and now": {
			edit: func(q Question) (Question, Question) {
				return rules(q, "sg-cache", without47500), rules(q, "sg-cache", without47500)
			},
		},
		"a replaced instance has a counterpart by its groups": {
			edit: func(q Question) (Question, Question) {
				now := rules(q, "sg-cache", without47500)
				now.Peers = slices.Clone(q.Peers)
				now.Peers[0].Name, now.Peers[0].ID, now.Peers[0].Addrs = "i-new", "eni-new", []netip.Addr{netip.MustParseAddr("10.0.0.99")}
				return q, now
			},
			closed: "47500-47599 | i-001,i-002,i-new > i-001,i-new | removed: rule 'tcp 47500-47599 from 10.0.0.0/16' of sg-cache", code: 1,
		},
		"a new instance with other groups is compared with what was open": {
			edit: func(q Question) (Question, Question) {
				now := q
				now.Peers = append(slices.Clone(q.Peers), q.Peers[0])
				now.Peers[3].Name, now.Peers[3].ID, now.Peers[3].Groups = "i-new", "eni-new", []string{"sg-none"}
				now.World.Groups = append(slices.Clone(q.World.Groups), reach.Group{ID: "sg-none"})
				return q, now
			},
			closed: "47500-47599 | i-new > i-000,i-001,i-002 | a new peer", code: 1,
		},
	} {
		for _, self := range []int{-1, 0} {
			t.Run(fmt.Sprintf("%s, self %d", name, self), func(t *testing.T) {
				then, now := c.edit(asked(t, 3, self, "tcp/47500-47599"))
				d := compared(t, then, now)
				if code := exitcode.Of(d.Err()); code != c.code {
					t.Errorf("exit code %d, want %d: %+v", code, c.code, d)
				}
				if (len(d.Closed) > 0) != (c.closed != "") || (len(d.Opened) > 0) != (c.opened != "") || (len(d.Unknown) > 0) != c.unknown {
					t.Errorf("%+v", d)
				}
				if self < 0 {
					sameChange(t, d.Closed, c.closed)
					sameChange(t, d.Opened, c.opened)
				}
			})
		}
	}
}

// sameChange looks for a change with these ports, pairs and a part of the causes.
func sameChange(t *testing.T, all []Change, want string) {
	t.Helper()
	if want == "" {
		return
	}
	parts := strings.Split(want, " | ")
	for _, c := range all {
		pairs := strings.Join(slices.Sorted(slices.Values(c.From)), ",") + " > " + strings.Join(slices.Sorted(slices.Values(c.To)), ",")
		if c.Ports == parts[0] && pairs == parts[1] && strings.Contains(strings.Join(c.Causes, "\n"), parts[2]) {
			return
		}
	}
	t.Errorf("no change is %q: %+v", want, all)
}

// Which pairs changed is the difference of the two matrices, computed pair by pair.
func TestEveryChangedPairIsInOneChange(t *testing.T) {
	then := asked(t, 30, -1, "ignite2")
	now := rules(then, "sg-cache", func(all []reach.Rule) []reach.Rule { return all[1:] })
	d := compared(t, then, now)
	a, b := reach.NewJudge(then.World), reach.NewJudge(now.World)
	want := map[string]bool{}
	for _, n := range then.Needs {
		for _, from := range then.Peers {
			for _, to := range then.Peers {
				if from.ID == to.ID {
					continue
				}
				was, is := a.Evaluate(from, to, n), b.Evaluate(from, to, n)
				if closed := was.Open(n).Intersect(is.Missing); len(closed) > 0 {
					want[fmt.Sprintf("%s %s %s %s", from.Name, to.Name, n, closed)] = true
				}
			}
		}
	}
	got := map[string]bool{}
	for _, c := range d.Closed {
		for _, from := range c.From {
			for _, to := range c.To {
				if key := fmt.Sprintf("%s %s %s %s", from, to, c.Need, c.Ports); from != to {
					if got[key] {
						t.Errorf("%s is in two changes", key)
					}
					got[key] = true
				}
			}
		}
	}
	if len(want) == 0 || len(got) != len(want) {
		t.Errorf("%d pairs closed, want %d", len(got), len(want))
	}
	for key := range want {
		if !got[key] {
			t.Errorf("%s closed and is not shown", key)
		}
	}
}

func TestACompareCostsNoMoreThanItsClasses(t *testing.T) {
	then := asked(t, 1000, -1, "ignite2")
	now, err := Judge(rules(then, "sg-cache", without47500))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	d, err := Compare(now, then)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("1,000 peers: %s", time.Since(start))
	if len(d.Closed) == 0 || len(d.Closed) > 4 {
		t.Errorf("%d changes", len(d.Closed))
	}
}

func TestAChangeOnScreenAndInJUnit(t *testing.T) {
	then := asked(t, 3, -1, "tcp/47500-47599")
	d := compared(t, then, rules(then, "sg-cache", without47500))
	var table, doc, html bytes.Buffer
	if err := d.Table(&table, term.Style{Width: 80, UTF8: true}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"cluster prod in eu-west-1 since 2026-01-02T03:04:05Z: 1 closed",
		"✗ CLOSED   47500-47599 of tcp 47500-47599:",
		"  why      removed: rule", "  fix      aws ec2 authorize-security-group-ingress"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("%q is not in\n%s", want, &table)
		}
	}
	for line := range strings.Lines(table.String()) {
		if len([]rune(line)) > 81 && !strings.Contains(line, "aws ec2") {
			t.Errorf("longer than 80 columns: %s", line)
		}
	}
	if err := d.JUnit(&doc); err != nil {
		t.Fatal(err)
	}
	var suite struct {
		Failures int `xml:"failures,attr"`
		Tests    int `xml:"tests,attr"`
	}
	if err := xml.Unmarshal(doc.Bytes(), &suite); err != nil || suite.Failures != 1 || suite.Tests != 2 {
		t.Errorf("%+v, %v", suite, err)
	}
	if err := d.HTML(&html); err != nil || !strings.Contains(html.String(), "✗ CLOSED") {
		t.Errorf("%v\n%s", err, &html)
	}
}
