// Package trace stands in for OpenTelemetry's of the same name, as otelhttp does
// beside it: Docker's client names one type of it.
package trace

// TracerProvider provides nothing.
type TracerProvider any
