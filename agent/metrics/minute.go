package metrics

import (
	"time"

	"muster/internal/awsapi"
)

// The units of CloudWatch that muster uses.
const (
	UnitCount   = "Count"
	UnitBytes   = "Bytes"
	UnitMillis  = "Milliseconds"
	UnitPercent = "Percent"
)

// Dimension is a part of a series' identity, in addition to its name.
type Dimension = awsapi.Dimension

// Datum is the value of a series in a minute.
type Datum = awsapi.Datum

// Minute holds the data points of one minute. Consecutive data points with the same dimensions take less space.
type Minute struct {
	At   time.Time // the start of the minute
	Data []Datum
}

func (m Minute) unix() int64 { return m.At.Unix() }
