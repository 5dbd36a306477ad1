// Package fix is what to do about something that is wrong: one step in words,
// and the commands that take it. A command never stands inside a sentence, so
// that every way to show a fix can give it a line of its own, to be pasted.
//
//	fix.Do("Attach an instance profile:", "aws ec2 associate-iam-instance-profile ...")
//	fix.Do("Replace the instance.")
package fix

import (
	"errors"
	"strings"
)

// Fix is what to do. The zero Fix: nothing is known to help.
type Fix struct {
	// Text is one step in the imperative. It ends with a colon where Commands
	// follow, else with a full stop.
	Text string `json:"text,omitempty"`
	// Commands are complete, a line each, in the order in which to run them.
	Commands []string `json:"commands,omitempty"`
}

// Do is a fix of one step and the commands that take it.
func Do(text string, commands ...string) Fix { return Fix{text, commands} }

// IsZero reports whether nothing is known to help.
func (f Fix) IsZero() bool { return f.Text == "" && len(f.Commands) == 0 }

// Lines are the text, if there is one, and the commands, a line each.
func (f Fix) Lines() []string {
	if f.Text == "" {
		return f.Commands
	}
	return append([]string{f.Text}, f.Commands...)
}

// String is Lines joined by newlines: the field "remedy" in JSON.
func (f Fix) String() string { return strings.Join(f.Lines(), "\n") }

// Map returns f with every line changed by change, such as a filter of secrets.
func (f Fix) Map(change func(string) string) Fix {
	out := Fix{Text: change(f.Text)}
	for _, c := range f.Commands {
		out.Commands = append(out.Commands, change(c))
	}
	return out
}

// Error is an error that knows what to do about it. Its text is that of Err:
// who shows it shows the evidence and the fix on lines of their own.
type Error struct {
	Err error
	Fix Fix
	Why []string // evidence, verbatim; what Err says already is not repeated
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Wrap gives err a fix. A nil err stays nil.
func Wrap(err error, to Fix) error {
	if err == nil {
		return nil
	}
	return &Error{Err: err, Fix: to}
}

// Because gives err evidence and a fix. A nil err stays nil.
func Because(err error, why []string, to Fix) error {
	if err == nil {
		return nil
	}
	return &Error{Err: err, Fix: to, Why: why}
}

// Of is the fix that err carries; zero without one.
func Of(err error) Fix {
	var e *Error
	if errors.As(err, &e) {
		return e.Fix
	}
	return Fix{}
}

// Why is the evidence that err carries; nil without any.
func Why(err error) []string {
	var e *Error
	if errors.As(err, &e) {
		return e.Why
	}
	return nil
}
