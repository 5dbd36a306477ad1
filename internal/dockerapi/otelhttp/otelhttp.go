// Package otelhttp stands in for OpenTelemetry's of the same name, by a replace
// directive in go.mod: Docker's client wraps its transport in it, always, and
// muster traces nothing. What stands here is what that client calls, doing
// nothing; docs/adr/0006 says what it saves.
package otelhttp

import (
	"net/http"

	"go.opentelemetry.io/otel/trace"
)

// Option is one that is not heeded.
type Option struct{}

// WithSpanNameFormatter names no span.
func WithSpanNameFormatter(func(operation string, r *http.Request) string) Option { return Option{} }

// WithTracerProvider provides no tracer.
func WithTracerProvider(trace.TracerProvider) Option { return Option{} }

// NewTransport is base.
func NewTransport(base http.RoundTripper, _ ...Option) http.RoundTripper { return base }
