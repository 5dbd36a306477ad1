package metrics_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/agent/metrics"
)

func service(name string) []metrics.Dimension {
	return []metrics.Dimension{{Name: "ServiceName", Value: name}, {Name: "ClusterName", Value: "prod"}}
}

func TestASeriesHasOneDatumAMinute(t *testing.T) {
	var log journal
	b := metrics.NewBuilder(log.Logger())
	for range 3 {
		b.Gauge("Restarts", metrics.UnitCount, 6, service("web")...)
		b.Gauge("Unhealthy", metrics.UnitCount, 5, service("web")...)
		b.Gauge("Unhealthy", metrics.UnitCount, 9, service("web")...)
		b.Gauge("Unhealthy", metrics.UnitCount, 1, service("cache")...)
		b.Gauge("Unhealthy", metrics.UnitCount, 7, service("web")[1], service("web")[0]) // the order of dimensions does not matter
	}
	at := time.Date(2026, 3, 1, 10, 7, 42, 5, time.FixedZone("", 3600))
	dims := func(name string) []metrics.Dimension {
		return []metrics.Dimension{{Name: "ClusterName", Value: "prod"}, {Name: "ServiceName", Value: name}}
	}
	want := metrics.Minute{At: time.Date(2026, 3, 1, 9, 7, 0, 0, time.UTC), Data: []metrics.Datum{
		{Name: "Restarts", Unit: "Count", Dimensions: dims("web"), Value: 6},
		{Name: "Unhealthy", Unit: "Count", Dimensions: dims("web"), Value: 5},
		{Name: "Unhealthy", Unit: "Count", Dimensions: dims("cache"), Value: 1},
	}}
	if diff := cmp.Diff(want, b.Minute(at)); diff != "" {
		t.Error(diff)
	}
	log.said(t, 1, "Unhealthy has two values in one minute")
	log.said(t, 1, "Restarts has two values in one minute")
	b.Gauge("Restarts", metrics.UnitCount, 1, service("web")...)
	if m := b.Minute(at.Add(time.Minute)); len(m.Data) != 1 || m.Data[0].Value != 1 {
		t.Errorf("%+v", m)
	}
}

func TestWhatIsNoValueIsLeftOut(t *testing.T) {
	var log journal
	b := metrics.NewBuilder(log.Logger())
	for range 2 {
		for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0x1p361, -0x1p361} {
			b.Gauge("Bad", metrics.UnitCount, v)
		}
		b.Gauge("Wide", metrics.UnitCount, 1, make([]metrics.Dimension, 31)...)
		b.Gauge("Tiny", metrics.UnitCount, 0x1p-400)
	}
	b.Gauge("Most", metrics.UnitCount, 0x1p360)
	m := b.Minute(time.Now())
	if len(m.Data) != 2 || m.Data[0].Value != 0 || m.Data[1].Value != 0x1p360 {
		t.Errorf("%+v", m)
	}
	log.said(t, 1, "Bad has a value")
	log.said(t, 1, "more than 30 dimensions")
}

func TestHostileNamesFitAndStayApart(t *testing.T) {
	long := strings.Repeat("x", 300)
	hostile := []string{
		"",
		" ",
		"\t",
		"é",
		"è",
		"_",
		":a",
		"_a",
		"a\x00b",
		"a\nb",
		"NaN",
		"cöntainer",
		long,
		long + "y",
		long[:255],
		long[:256],
		"日本語",
		"\xff",
		"\xfe",
		"a~0123456789abcdef",
	}
	b := metrics.NewBuilder((&journal{}).Logger())
	for _, name := range hostile {
		b.Gauge("M", metrics.UnitCount, 1, metrics.Dimension{Name: "ContainerName", Value: name})
	}
	m := b.Minute(time.Now())
	if len(m.Data) != len(hostile) {
		t.Fatalf("%d series of %d names", len(m.Data), len(hostile))
	}
	for _, d := range m.Data { // a changed name can equal another one
		b.Gauge("M", metrics.UnitCount, 1, d.Dimensions...)
		b.Gauge("M", metrics.UnitCount, 1, metrics.Dimension{Name: "ContainerName", Value: d.Dimensions[0].Value})
	}
	for i, d := range m.Data {
		v := d.Dimensions[0].Value
		if v == "" || len(v) > 255 || v[0] == ':' || strings.TrimSpace(v) == "" ||
			strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q became %q", hostile[i], v)
		}
	}
	if got := m.Data[10].Dimensions[0].Value; got != "NaN" {
		t.Errorf("NaN became %q", got)
	}
	if got := fmt.Sprintf("%.11s", m.Data[11].Dimensions[0].Value); got != "c_ntainer~e" && !strings.HasPrefix(got, "c_ntainer~") {
		t.Errorf("cöntainer became %q", got)
	}
}

func FuzzNames(f *testing.F) {
	f.Add("web", "wéb")
	f.Add("", "empty~e3b0c44298fc1c14")
	f.Fuzz(func(t *testing.T, one, other string) {
		b := metrics.NewBuilder((&journal{}).Logger())
		b.Gauge("M", metrics.UnitCount, 1, metrics.Dimension{Name: "C", Value: one})
		b.Gauge("M", metrics.UnitCount, 1, metrics.Dimension{Name: "C", Value: other})
		m := b.Minute(time.Now())
		if (len(m.Data) == 1) != (one == other) {
			t.Errorf("%q and %q are %+v", one, other, m.Data)
		}
	})
}
