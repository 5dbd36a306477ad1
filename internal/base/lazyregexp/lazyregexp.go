// Package lazyregexp compiles a package's regular expressions when they are first used. The agent runs for the whole
// life of the instance, and needs almost none of the expressions that the other commands use.
package lazyregexp

import (
	"regexp"
	"sync"
)

// Regexp is a regexp.Regexp that is compiled on first use.
type Regexp struct{ compiled func() *regexp.Regexp }

// New returns the Regexp of a pattern. Its first use panics if the pattern is invalid.
func New(pattern string) *Regexp {
	return &Regexp{sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })}
}

// Get returns the compiled expression.
func (r *Regexp) Get() *regexp.Regexp { return r.compiled() }
