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
	say     *voice
	data    []Datum
	index   map[string]int // series -> its place in data
	key     []byte
	refused int64
}

// NewBuilder makes a builder that says to log, once each, what it refuses.
func NewBuilder(log *slog.Logger) *Builder {
	return &Builder{say: newVoice(log), index: map[string]int{}}
}

// Gauge sets a series' value. A second value in the same minute is refused.
func (b *Builder) Gauge(name, unit string, value float64, dimensions ...Dimension) {
	if at, fresh := b.series(name, unit, value, dimensions); !fresh && at >= 0 {
		b.refuse(name, "has two values in a minute; the first stands")
	}
}

// Count adds to a series.
func (b *Builder) Count(name, unit string, value float64, dimensions ...Dimension) {
	if at, fresh := b.series(name, unit, value, dimensions); !fresh && at >= 0 {
		if sum := b.data[at].Value + value; math.Abs(sum) <= maxValue {
			b.data[at].Value = sum
		}
	}
}

// Minute is what was gathered, as of the minute that at is in. The builder
// starts anew.
func (b *Builder) Minute(at time.Time) Minute {
	m := Minute{at.Truncate(time.Minute).UTC(), b.data}
	b.data = make([]Datum, 0, len(m.Data))
	clear(b.index)
	return m
}

// Refused is how many data were not fit to be published, so far.
func (b *Builder) Refused() int64 { return b.refused }

func (b *Builder) refuse(name, why string) {
	b.refused++
	b.say.problem(name+why, fmt.Sprintf("the metric %s %s", name, why))
}

// series finds the place of a series, -1 if it is refused, and makes it with
// the value if it is fresh.
func (b *Builder) series(name, unit string, value float64, dimensions []Dimension) (at int, fresh bool) {
	switch {
	case math.IsNaN(value) || math.Abs(value) > maxValue:
		b.refuse(name, "has a value that is no number for CloudWatch; it is left out")
		return -1, false
	case len(dimensions) > maxDimensions:
		b.refuse(name, fmt.Sprintf("has more than %d dimensions; it is left out", maxDimensions))
		return -1, false
	case math.Abs(value) < minValue:
		value = 0
	}
	d := Datum{Name: clean(name), Unit: unit, Value: value, Dimensions: b.clean(dimensions)}
	b.key = append(b.key[:0], d.Name...)
	for _, dim := range d.Dimensions {
		b.key = append(append(append(append(b.key, 0), dim.Name...), 0), dim.Value...)
	}
	if at, known := b.index[string(b.key)]; known {
		return at, false
	}
	b.index[string(b.key)] = len(b.data)
	b.data = append(b.data, d)
	return len(b.data) - 1, true
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
