package metrics

import (
	"fmt"
	"math"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func dim(name, value string) Dimension { return Dimension{Name: name, Value: value} }

// sample returns a minute of an agent with this number of services.
func sample(services int) Minute {
	m := Minute{At: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)}
	for s := range services {
		dims := []Dimension{dim("ClusterName", "production"), dim("ServiceName", fmt.Sprintf("team-%d-some-service-%d", s%7, s))}
		for i, name := range []string{"HealthyContainers", "UnhealthyContainers", "StartingContainers", "RunningContainers", "Restarts",
			"Crashes", "OutOfMemoryKills", "CrashLoops"} {
			m.Data = append(m.Data, Datum{Name: name, Unit: UnitCount, Dimensions: dims, Value: float64(i * s)})
		}
	}
	return m
}

func TestAMinuteSurvivesTheDisk(t *testing.T) {
	odd := Minute{At: time.Date(1969, 12, 31, 23, 59, 0, 0, time.UTC).Add(time.Minute), Data: []Datum{
		{},
		{Name: "a", Value: -1},
		{Name: "a", Unit: "a", Value: 0.5, Dimensions: []Dimension{dim("", ""), dim("a", "b")}},
		{
			Value:      math.MaxFloat64,
			Dimensions: []Dimension{dim("", ""), dim("a", "b")},
		},
		{Value: 1 << 49},
		{Value: 1<<49 - 1},
		{Value: math.SmallestNonzeroFloat64},
	}}
	for _, m := range []Minute{odd, {At: odd.At, Data: []Datum{}}, sample(1), sample(60)} {
		got, err := decode(encode(m))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, got, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestNoCutMinuteIsRead(t *testing.T) {
	data := encode(sample(3))
	for n := range data {
		if _, err := decode(data[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes are a minute", n, len(data))
		}
	}
}

// The spool must hold a day of 500 containers, each in its own service. For 60 services it must hold much more.
func TestADayFitsIntoTheSpool(t *testing.T) {
	for services, days := range map[int]float64{60: 5, 500: 1} {
		size := file{size: int64(len(encode(sample(services))))}
		if got := float64(defaultMaxBytes) / float64(size.room()) / (24 * 60); got < days {
			t.Errorf("a minute of %d services is %d bytes: the spool holds %.1f days", services, size.size, got)
		} else {
			t.Logf("a minute of %d services is %d bytes: the spool holds %.1f days", services, size.size, got)
		}
	}
}

// FuzzDecode adds a correct checksum to its input, so that the decoder is reached.
func FuzzDecode(f *testing.F) {
	for _, m := range []Minute{sample(0), sample(1), sample(60), {Data: []Datum{{Value: 0.5}}}} {
		f.Add(encode(m)[crcLen:])
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		_, _ = decode(text)
		m, err := decode(seal(text))
		if err != nil {
			return
		}
		again, err := decode(encode(m))
		if err != nil || len(again.Data) != len(m.Data) {
			t.Errorf("%d data points became %d: %v", len(m.Data), len(again.Data), err)
		}
	})
}

// FuzzProgress checks that any file content is either a valid progress or damaged.
func FuzzProgress(f *testing.F) {
	f.Add([]byte("x"))
	f.Add(seal([]byte(`{"at":60,"done":7}`)))
	f.Fuzz(func(t *testing.T, data []byte) {
		n := note{path: t.TempDir() + "/progress"}
		if err := os.WriteFile(n.path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		_ = n.read()
		want := progress{60, 7}
		if err := n.write(want); err != nil {
			t.Fatal(err)
		}
		again := note{path: n.path}
		if err := again.read(); err != nil || again.now != want {
			t.Errorf("%+v, %v", again.now, err)
		}
	})
}
