// Package exitcode defines muster's exit codes, and the error type that carries one to main. Scripts and unit files
// depend on the numbers; docs/reference/exit-codes.md documents them.
//
// 2 is unused, because the Go runtime exits with 2 after a panic (docs/adr/0009-usage-exits-64.md).
package exitcode

import "errors"

// Exit codes, the same in every output mode.
const (
	Healthy           = 0   // healthy; warnings are allowed
	Failed            = 1   // a check failed, or an action failed
	Undetermined      = 3   // muster could not check, so the result is unknown
	Warnings          = 4   // warnings under --strict
	NotRegistered     = 10  // the instance did not register in time
	SignalUndelivered = 11  // registered, but a signal was not delivered
	Deferred          = 12  // in a warm pool: nothing to verify yet
	Usage             = 64  // EX_USAGE of sysexits(3): the command line is wrong; units never retry it
	BadConfiguration  = 78  // EX_CONFIG of sysexits(3): a setting is wrong; units never retry it
	Interrupted       = 130 // 128 + SIGINT
)

// Meaning is an exit code and its description.
type Meaning struct {
	Code int
	Text string
}

// Meanings lists the codes in the order of docs/reference/exit-codes.md.
func Meanings() []Meaning {
	return []Meaning{
		{Healthy, "healthy, warnings allowed"},
		{Failed, "a check failed, or an action failed"},
		{Undetermined, "undetermined: muster could not check"},
		{Warnings, "warnings under `--strict`"},
		{NotRegistered, "not registered in time"},
		{SignalUndelivered, "registered, but a signal was not delivered"},
		{Deferred, "deferred: the instance is in a warm pool"},
		{Usage, "the command line is wrong"},
		{BadConfiguration, "bad configuration"},
		{Interrupted, "interrupted"},
	}
}

// Error is an error with an exit code.
type Error struct {
	Code int
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Wrap attaches the exit code to err. A nil err stays nil.
func Wrap(code int, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Code: code, Err: err}
}

// Of returns the exit code of err: Healthy for nil, Failed for an error without a code.
func Of(err error) int {
	var coded *Error
	switch {
	case err == nil:
		return Healthy
	case errors.As(err, &coded):
		return coded.Code
	default:
		return Failed
	}
}
