//go:build linux

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"muster/test/field/fieldcase"
)

// This test only checks that the cases are valid. make field runs them.
func TestCasesAreReadable(t *testing.T) {
	files, err := findCases([]string{"cases"})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if _, err := fieldcase.Read(f.path); err != nil {
			t.Error(err)
		}
	}
}

func TestFindCases(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.txtar", "a.txtar", "README.md", "more/c.txtar", "d.case"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := findCases([]string{dir, filepath.Join(dir, "d.case")})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.name)
	}
	if diff := cmp.Diff([]string{"a", "b", "more/c", "d.case"}, names); diff != "" {
		t.Error(diff)
	}
}

// An invalid set-up exits with 2 before any case runs.
func TestRunRejectsAnInvalidSetUp(t *testing.T) {
	empty := t.TempDir()
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"no binary", []string{"-muster", filepath.Join(empty, "muster"), "cases"}, "no such file"},
		{"a directory for a binary", []string{"-muster", empty, "cases"}, "is a directory, want the muster binary"},
		{"no cases", []string{"-muster", "main.go"}, "no cases: pass a directory or case files"},
		{"a directory without cases", []string{"-muster", "main.go", empty}, "no *.txtar file in this directory"},
		{"no such directory", []string{"-muster", "main.go", filepath.Join(empty, "cases")}, "no such file"},
		{"an unknown flag", []string{"-nope"}, "not defined: -nope"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(context.Background(), c.args, &stdout, &stderr); code != exitBroken || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("%s: exit %d\n%s%s", c.name, code, stdout.String(), stderr.String())
		}
	}
}

func TestConclude(t *testing.T) {
	right, wrong := Result{OK: true}, Result{Why: []string{"x"}}
	for _, c := range []struct {
		results []Result
		code    int
		want    string
	}{
		{[]Result{right, right}, exitRight, "2 cases: 2 right, 0 wrong: 100.0 %\n"},
		{[]Result{right, wrong, {Broken: "y"}}, exitWrong, "3 cases: 1 right, 2 wrong: 33.3 %\n"},
	} {
		var stdout bytes.Buffer
		if code := conclude(options{}, c.results, &stdout, nil); code != c.code || stdout.String() != c.want {
			t.Errorf("exit %d, %q", code, stdout.String())
		}
	}
}

func TestResultIsOneLine(t *testing.T) {
	for _, c := range []struct {
		result Result
		want   string
	}{
		{Result{Name: "a", OK: true}, "ok    a\n"},
		{Result{Name: "a", Why: []string{"cause: want  x\n  got y", "z"}}, "WRONG a  cause: want  x got y; z\n"},
		{Result{Name: "a", Broken: "panic:\n\nx\n"}, "WRONG a  the case could not be played: panic: x\n"},
	} {
		var out bytes.Buffer
		c.result.write(&out, false)
		if out.String() != c.want {
			t.Errorf("got %q, want %q", out.String(), c.want)
		}
	}
}
