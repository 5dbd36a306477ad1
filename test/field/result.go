//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// Result is the result of a case, or of one line in a case with log lines.
type Result struct {
	Name       string   `json:"name"`
	OK         bool     `json:"ok"`
	Why        []string `json:"why,omitempty"`    // errors of muster
	Broken     string   `json:"broken,omitempty"` // why the case could not be run
	Transcript string   `json:"transcript,omitempty"`
}

// write writes the result on one line, optionally after the transcript.
func (r Result) write(w io.Writer, verbose bool) {
	if verbose {
		fmt.Fprintf(w, "### %s\n%s\n", r.Name, r.Transcript)
	}
	switch {
	case r.OK:
		fmt.Fprintln(w, "ok    "+r.Name)
	case r.Broken != "":
		fmt.Fprintf(w, "WRONG %s  the case could not be played: %s\n", r.Name, oneLine(r.Broken))
	default:
		fmt.Fprintf(w, "WRONG %s  %s\n", r.Name, oneLine(strings.Join(r.Why, "; ")))
	}
}

var lineBreak = regexp.MustCompile(`\s*\n\s*`)

func oneLine(s string) string { return lineBreak.ReplaceAllString(strings.TrimSpace(s), " ") }

// writeResults writes the results without their transcripts.
func writeResults(path string, results []Result) error {
	bare := make([]Result, len(results))
	for i, r := range results {
		r.Transcript = ""
		bare[i] = r
	}
	text, err := json.MarshalIndent(bare, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
