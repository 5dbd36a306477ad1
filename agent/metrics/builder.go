package metrics

import (
	"cmp"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"time"
)

const (
	maxDimensions = 30
	// CloudWatch accepts values within 2^360 (API reference, PutMetricData).
	maxValue, minValue = 0x1p360, 0x1p-360
)

// Builder collects the data points of one minute after the other, one data point per series. It is not safe for
// concurrent use.
type Builder struct {
	failures *failureLog
	data     []Datum
	known    map[string]bool // the series in data
	key      []byte
}

// NewBuilder returns a Builder that logs each rejected data point once.
func NewBuilder(log *slog.Logger) *Builder {
	return &Builder{failures: newFailureLog(log), known: map[string]bool{}}
}

// Gauge sets the value of a series. It rejects a second value in the same minute, and values that CloudWatch does not
// accept.
func (b *Builder) Gauge(name, unit string, value float64, dimensions ...Dimension) {
	switch {
	case math.IsNaN(value) || math.Abs(value) > maxValue:
		b.refuse(name, "has a value that CloudWatch does not accept; it is dropped")
		return
	case len(dimensions) > maxDimensions:
		b.refuse(name, fmt.Sprintf("has more than %d dimensions; it is dropped", maxDimensions))
		return
	case math.Abs(value) < minValue:
		value = 0
	}
	d := Datum{Name: clean(name), Unit: unit, Value: value, Dimensions: b.clean(dimensions)}
	b.key = append(b.key[:0], d.Name...)
	for _, dim := range d.Dimensions {
		b.key = append(append(append(append(b.key, 0), dim.Name...), 0), dim.Value...)
	}
	if b.known[string(b.key)] {
		b.refuse(name, "has two values in one minute; the first is kept")
		return
	}
	b.known[string(b.key)] = true
	b.data = append(b.data, d)
}

// Minute returns the collected data points for the minute that contains at. The builder starts again with none.
func (b *Builder) Minute(at time.Time) Minute {
	m := Minute{at.Truncate(time.Minute).UTC(), b.data}
	b.data = make([]Datum, 0, len(m.Data))
	clear(b.known)
	return m
}

func (b *Builder) refuse(name, why string) {
	b.failures.log(name+why, fmt.Sprintf("the metric %s %s", name, why))
}

// clean returns the dimensions sorted by name, because CloudWatch ignores their order. It reuses the result for the
// last data point if the dimensions are equal.
func (b *Builder) clean(dimensions []Dimension) []Dimension {
	out := make([]Dimension, len(dimensions))
	for i, d := range dimensions {
		out[i] = Dimension{Name: clean(d.Name), Value: clean(d.Value)}
	}
	slices.SortFunc(out, func(a, b Dimension) int { return cmp.Compare(a.Name, b.Name) })
	if n := len(b.data); n > 0 && slices.Equal(b.data[n-1].Dimensions, out) {
		return b.data[n-1].Dimensions
	}
	return out
}
