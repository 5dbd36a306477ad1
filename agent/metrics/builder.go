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
	// Values that CloudWatch takes are within 2^360 (API reference, PutMetricData).
	maxValue, minValue = 0x1p360, 0x1p-360
)

// Builder gathers the data of one minute after the other, one datum a series.
// It is for one goroutine.
type Builder struct {
	failures *failureLog
	data     []Datum
	known    map[string]bool // the series of data
	key      []byte
}

// NewBuilder makes a builder that says to log, once each, what it refuses.
func NewBuilder(log *slog.Logger) *Builder {
	return &Builder{failures: newFailureLog(log), known: map[string]bool{}}
}

// Gauge sets a series' value. A second value in the same minute is refused, and so
// is what CloudWatch would not take.
func (b *Builder) Gauge(name, unit string, value float64, dimensions ...Dimension) {
	switch {
	case math.IsNaN(value) || math.Abs(value) > maxValue:
		b.refuse(name, "has a value that is no number for CloudWatch; it is left out")
		return
	case len(dimensions) > maxDimensions:
		b.refuse(name, fmt.Sprintf("has more than %d dimensions; it is left out", maxDimensions))
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
		b.refuse(name, "has two values in a minute; the first stands")
		return
	}
	b.known[string(b.key)] = true
	b.data = append(b.data, d)
}

// Minute is what was gathered, as of the minute that at is in. The builder
// starts anew.
func (b *Builder) Minute(at time.Time) Minute {
	m := Minute{at.Truncate(time.Minute).UTC(), b.data}
	b.data = make([]Datum, 0, len(m.Data))
	clear(b.known)
	return m
}

func (b *Builder) refuse(name, why string) {
	b.failures.log(name+why, fmt.Sprintf("the metric %s %s", name, why))
}

// clean returns the dimensions by name, which is how CloudWatch sees them: their
// order is of no meaning. It makes no copy of those that the last datum has too.
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
