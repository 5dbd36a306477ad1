// Package fix describes how to fix a problem: one step in words, and its commands. A command is never part of a
// sentence, so that every output can print it on its own line, to be pasted.
//
//	fix.Do("Attach an instance profile:", "aws ec2 associate-iam-instance-profile ...")
//	fix.Do("Replace the instance.")
package fix

import (
	"errors"
	"strings"
)

// Fix is a step that fixes a problem. The zero Fix means that none is known.
type Fix struct {
	// Text is one imperative sentence. It ends with a colon if Commands follow, otherwise with a full stop.
	Text string `json:"text,omitempty"`
	// Commands are complete commands, one per line, in order of execution.
	Commands []string `json:"commands,omitempty"`
}

// Do returns a fix with one step and its commands.
func Do(text string, commands ...string) Fix { return Fix{text, commands} }

// IsZero reports whether no fix is known.
func (f Fix) IsZero() bool { return f.Text == "" && len(f.Commands) == 0 }

// Lines returns the text, if any, and the commands, one per line.
func (f Fix) Lines() []string {
	if f.Text == "" {
		return f.Commands
	}
	return append([]string{f.Text}, f.Commands...)
}

// String returns Lines joined by newlines, as in the JSON field "remedy".
func (f Fix) String() string { return strings.Join(f.Lines(), "\n") }

// Map returns f with change applied to every line, such as a filter for secrets.
func (f Fix) Map(change func(string) string) Fix {
	out := Fix{Text: change(f.Text)}
	for _, c := range f.Commands {
		out.Commands = append(out.Commands, change(c))
	}
	return out
}

// Error is an error with its fix. Its text is that of Err; callers print the evidence and the fix on their own lines.
type Error struct {
	Err error
	Fix Fix
	Why []string // evidence, verbatim, without the text of Err
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Wrap attaches a fix to err. A nil err stays nil.
func Wrap(err error, to Fix) error {
	if err == nil {
		return nil
	}
	return &Error{Err: err, Fix: to}
}

// Because attaches evidence and a fix to err. A nil err stays nil.
func Because(err error, why []string, to Fix) error {
	if err == nil {
		return nil
	}
	return &Error{Err: err, Fix: to, Why: why}
}

// Of returns the fix attached to err, or the zero Fix.
func Of(err error) Fix {
	var e *Error
	if errors.As(err, &e) {
		return e.Fix
	}
	return Fix{}
}

// Why returns the evidence attached to err, or nil.
func Why(err error) []string {
	var e *Error
	if errors.As(err, &e) {
		return e.Why
	}
	return nil
}
