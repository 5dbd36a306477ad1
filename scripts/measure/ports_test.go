package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const printed = `goos: linux
cpu: some processor with 4 fields
BenchmarkFullMatrix/peers=1000/rules=60-2   	 20	 15682830 ns/op	 71.00 classes	 1.000 x-time	 2999043 B/op	 46722 allocs/op
BenchmarkFullMatrix/peers=2000/rules=60-2   	 20	 11164326 ns/op	 0.7119 x-time
BenchmarkEveryone-2                         	 20	 5 ns/op
BenchmarkBroken
--- FAIL: BenchmarkBroken
PASS
ok  	muster/reach	3.677s
`

func TestBenchmarksAreParsedByName(t *testing.T) {
	want := map[string][]scale{
		"FullMatrix": {
			{"ns/op": 15682830, "classes": 71, "x-time": 1, "B/op": 2999043, "allocs/op": 46722},
			{"ns/op": 11164326, "x-time": 0.7119},
		},
		"Everyone": {{"ns/op": 5}},
	}
	if diff := cmp.Diff(want, benchmarks(printed)); diff != "" {
		t.Error(diff)
	}
}

func TestOnlyAllocationsFail(t *testing.T) {
	for name, c := range map[string]struct {
		scales []scale
		want   string
	}{
		"slow and small":  {[]scale{{"ns/op": 1e12, "B/op": 1}}, ""},
		"at the limit":    {[]scale{{"B/op": maxJudged}}, ""},
		"above the limit": {[]scale{{"B/op": maxJudged + 1}}, "200000001 bytes"},
		"all scales":      {make([]scale, 5), ""},
		"nothing":         {nil, "printed no results"},
	} {
		err := printScales(name, time.Second, c.scales)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
