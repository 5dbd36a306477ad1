package instance

import (
	"context"
	"errors"
	"testing"

	"muster/internal/config"
	"muster/internal/instance/record"
)

func TestFirstSourceWithAClusterWins(t *testing.T) {
	denied := errors.New("denied")
	names := func(text string) Source {
		return func(context.Context) (Named, error) { return Named{text, "the source of " + text}, nil }
	}
	fails := func(context.Context) (Named, error) { return Named{}, denied }
	nothing := func(context.Context) (Named, error) { return Named{}, nil }
	for name, c := range map[string]struct {
		sources []Source
		want    Named
		err     error
	}{
		"none":                               {nil, Named{}, nil},
		"none names one":                     {[]Source{nothing, nothing}, Named{}, nil},
		"the second, if the first is silent": {[]Source{nothing, names("b"), names("c")}, Named{"b", "the source of b"}, nil},
		"a blank one is no silence":          {[]Source{names(""), names("c")}, Named{"", "the source of "}, nil},
		"a failure is not silence":           {[]Source{nothing, fails, names("c")}, Named{}, denied},
		"a later failure is not met":         {[]Source{names("a"), fails}, Named{"a", "the source of a"}, nil},
	} {
		got, err := Resolve(t.Context(), c.sources...)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %+v, %v; want %+v, %v", name, got, err, c.want, c.err)
		}
	}
}

func TestTheSettingsComeBeforeTheRecord(t *testing.T) {
	rec := record.Record{Cluster: "tagged", ClusterOrigin: "instance tag muster:cluster"}
	for name, c := range map[string]struct {
		flags map[string]string
		rec   record.Record
		want  string
	}{
		"both":       {map[string]string{"MUSTER_CLUSTER": "prod"}, rec, "prod"},
		"the record": {nil, rec, "tagged"},
		"neither":    {nil, record.Record{}, ""},
	} {
		cfg, err := config.Load(config.Set{Flags: c.flags})
		if err != nil {
			t.Fatal(err)
		}
		if got := (&Instance{Config: cfg, Record: c.rec}).Cluster(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		named, _ := Resolve(t.Context(), InSettings(cfg))
		if c.flags != nil && named.Origin != "flag --cluster" {
			t.Errorf("%s: from %q", name, named.Origin)
		}
	}
}
