//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// exitCodes are the codes in docs/reference/exit-codes.md, and -1 for a process that was killed by a signal.
var exitCodes = []int{0, 1, 3, 4, 10, 11, 12, 64, 78, 130, -1}

// always checks the rules that hold in every row.
func (r *rig) always() {
	r.nothingTwice()
	r.nothingTorn()
	for _, p := range r.progs {
		out := p.stderr.String()
		if r.expectCrash {
			continue
		}
		r.want(slices.Contains(exitCodes, p.Code()), "muster %s: no exit code of muster: %s", p.command, p.Status())
		for _, mark := range []string{"panic:", "fatal error:", "DATA RACE"} {
			r.want(!strings.Contains(out, mark), "muster %s crashed: %s", p.command, after(out, mark))
		}
	}
}

func after(text, mark string) string {
	if i := strings.Index(text, mark); i >= 0 {
		return text[i:min(len(text), i+200)]
	}
	return ""
}

// nothingTwice checks that CloudWatch received no data point twice. CloudWatch would count a duplicate twice.
func (r *rig) nothingTwice() {
	seen := map[string]int{}
	for _, d := range r.Sandbox().Metrics() {
		key := fmt.Sprintf("%s %s %v %s", d.Namespace, d.Name, d.Dimensions, d.Timestamp.UTC())
		if seen[key]++; seen[key] == 2 {
			r.wrong("sent twice: %s", key)
		}
	}
}

// nothingTorn checks that every file that other programs read is complete.
func (r *rig) nothingTorn() {
	if data, err := r.regular(ecsConfig); err == nil {
		for line := range strings.Lines(string(data)) {
			key, _, ok := strings.Cut(line, "=")
			blank := strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#")
			r.want(strings.HasSuffix(line, "\n") && (blank || ok && strings.HasPrefix(key, "ECS_")), "%s is torn at %q", ecsConfig, line)
		}
	}
	for _, p := range append(r.files("var/lib/muster/instances/*/*.json"), r.files(stateFile)...) {
		data, err := r.regular(p)
		if err != nil {
			continue // the row replaced the file with another object
		}
		r.want(json.Valid(data), "%s is torn: %.100q", p, data)
	}
}

// regular reads a file. It returns an error if the row replaced the file with another object, such as a FIFO.
func (r *rig) regular(path string) ([]byte, error) {
	info, err := os.Lstat(r.path(path))
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		return nil, err
	}
	return r.Read(path)
}
