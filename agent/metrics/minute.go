package metrics

import (
	"time"

	"muster/internal/awsapi"
)

// Units that CloudWatch knows, as far as muster has use for them.
const (
	UnitCount   = "Count"
	UnitBytes   = "Bytes"
	UnitMillis  = "Milliseconds"
	UnitPercent = "Percent"
)

// Dimension is a part of a series' identity, next to its name.
type Dimension = awsapi.Dimension

// Datum is the one value that a series has in a minute.
type Datum = awsapi.Datum

// Minute is what there is to publish of one minute. Data of the same dimensions
// that stand next to each other take less room.
type Minute struct {
	At   time.Time // its beginning, aligned
	Data []Datum
}

func (m Minute) unix() int64 { return m.At.Unix() }
