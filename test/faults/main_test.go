//go:build linux

package main

import (
	"bytes"
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the tables of docs/why/reliability.md")

const (
	page  = "../../docs/why/reliability.md"
	begin = "<!-- faults: made by go test ./test/faults -update -->\n"
	end   = "<!-- end of faults -->\n"
)

func TestPageHasTheRowsOfTheSuite(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), begin)
	old, after, ends := strings.Cut(rest, end)
	if !begins || !ends {
		t.Fatalf("%s has no %s ... %s", page, begin, end)
	}
	var want bytes.Buffer
	writeList(&want, table())
	want.WriteString("\n")
	if old == want.String() {
		return
	}
	if !*update {
		t.Fatalf("%s does not have the rows of the suite: go test ./test/faults -update", page)
	}
	if err := os.WriteFile(page, []byte(before+begin+want.String()+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestRowsAreComplete(t *testing.T) {
	rows, seen := table(), map[string]bool{}
	var groups []string
	if len(rows) < leastRows {
		t.Errorf("%d rows, want at least %d", len(rows), leastRows)
	}
	name := regexp.MustCompile(`^[a-z]+/[a-z0-9-]+$`)
	for _, r := range rows {
		if seen[r.name] || !name.MatchString(r.name) {
			t.Errorf("%s: not a name of its own", r.name)
		}
		seen[r.name] = true
		if group, _, _ := strings.Cut(r.name, "/"); len(groups) == 0 || groups[len(groups)-1] != group {
			if slices.Contains(groups, group) {
				t.Errorf("%s: table has the rows of this group in two places", r.name)
			}
			groups = append(groups, group)
		}
		if r.command == "" || r.inject == "" || r.must == "" || r.play == nil || strings.Contains(r.inject+r.must, "\n") {
			t.Errorf("%s: incomplete", r.name)
		}
	}
}

func TestConclude(t *testing.T) {
	held, fell, broken := Result{}, Result{Why: []string{"x"}}, Result{Broken: "y"}
	for _, c := range []struct {
		name    string
		idle    bool
		results []Result
		code    int
	}{
		{"all held", false, []Result{held, held}, exitHeld},
		{"one fell", false, []Result{held, fell}, exitFell},
		{"one could not be played", false, []Result{held, broken}, exitFell},
		{"none was played", false, nil, exitBroken},
		{"nothing done, nothing holds", true, []Result{fell, fell}, exitHeld},
		{"nothing done, half holds", true, []Result{fell, held}, exitFell},
	} {
		var out bytes.Buffer
		if code := conclude(options{idle: c.idle}, c.results, &out); code != c.code {
			t.Errorf("%s: exit %d: %s", c.name, code, out.String())
		}
	}
}

func TestBrokenSetUpIsRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"no binary", []string{"-muster", "/nothing"}, "no such file"},
		{"a directory", []string{"-muster", "/"}, "is a directory"},
		{"an invalid pattern", []string{"-run", "("}, "error parsing regexp"},
		{"an argument", []string{"-muster", "/dev/null", "x"}, "unknown argument x"},
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), c.args, &out, &errs); code != exitBroken || !strings.Contains(errs.String(), c.want) {
			t.Errorf("%s: exit %d: %s", c.name, code, errs.String())
		}
	}
}
