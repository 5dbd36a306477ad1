// Package exitcode holds muster's exit codes and the error that carries one
// from the place that knows it to main. The numbers are a contract with
// scripts and unit files; docs/exit-codes.md repeats them for people.
package exitcode

import "errors"

// The exit codes, the same in every output mode.
const (
	Healthy           = 0   // healthy; warnings are allowed
	Failed            = 1   // a check failed, or something could not be done
	Usage             = 2   // the command line is wrong
	Undetermined      = 3   // muster could not look, so it says neither yes nor no
	Warnings          = 4   // warnings under --strict
	NotRegistered     = 10  // the instance did not register in time
	SignalUndelivered = 11  // registered, but somebody who waits for the word did not get it
	Deferred          = 12  // in a warm pool: nothing to verify yet
	BadConfiguration  = 78  // EX_CONFIG of sysexits(3); units carry RestartPreventExitStatus=78
	Interrupted       = 130 // 128 + SIGINT
)

// Meaning is what one code stands for.
type Meaning struct {
	Code int
	Text string
}

// Meanings lists the codes in order, as docs/exit-codes.md has them.
func Meanings() []Meaning {
	return []Meaning{
		{Healthy, "healthy, warnings allowed"},
		{Failed, "a check failed, or something could not be done"},
		{Usage, "the command line is wrong"},
		{Undetermined, "undetermined: muster could not look"},
		{Warnings, "warnings under `--strict`"},
		{NotRegistered, "not registered in time"},
		{SignalUndelivered, "registered, but a signal was not delivered"},
		{Deferred, "deferred: the instance is in a warm pool"},
		{BadConfiguration, "bad configuration"},
		{Interrupted, "interrupted"},
	}
}

// Error is an error that ends the process with Code.
type Error struct {
	Code int
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Wrap gives err the exit code. A nil err stays nil.
func Wrap(code int, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Code: code, Err: err}
}

// Of is the code that err ends the process with: Healthy for nil, Failed for
// an error that carries none.
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
