package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"muster/internal/host/probe"
	"muster/reach"
)

const (
	maxAgainst = 10 * time.Millisecond // evaluation of one of 1,000 peers against all others
	maxMatrix  = 2 * time.Second       // 1,000 x 1,000
	maxJudged  = 200_000_000           // bytes allocated for evaluating that matrix
	// maxDiscovery is for 10,000 peers, without the calls.
	maxDiscovery = 100 * time.Millisecond
	maxDials     = 10 * time.Second // 1,000 peers that never respond
)

// portEngine runs the benchmarks of package reach: 1,000 peers with five groups of 60 rules each, then 2 and 4 times as
// many peers, then 2 and 4 times as many rules.
func portEngine(int) error {
	out, err := exec.Command("go", "test", "-run", "^$", "-bench", "^Benchmark(OneAgainstAll|FullMatrix|FullMatrixEveryoneNamed)$",
		"./reach").CombinedOutput()
	if err != nil {
		return fmt.Errorf("benchmarking reach: %w\n%s", err, out)
	}
	scales := benchmarks(string(out))
	for _, s := range []struct {
		name, benchmark string
		limit           time.Duration
	}{
		{"one against 1,000 peers", "OneAgainstAll", maxAgainst},
		{"matrix of 1,000 x 1,000", "FullMatrix", maxMatrix},
		{"the same, with named peers", "FullMatrixEveryoneNamed", maxMatrix},
	} {
		if err := printScales(s.name, s.limit, scales[s.benchmark]); err != nil {
			return fmt.Errorf("benchmark %s of reach: %w", s.benchmark, err)
		}
	}
	return reports()
}

// reports runs the benchmarks of what surrounds the evaluation: the report of 1,000 peers that rules name by address,
// written as JSON, and the part of the discovery of 10,000 peers that is not calls.
func reports() error {
	out, err := exec.Command("go", "test", "-run", "^$", "-bench", "^Benchmark(Report|Discovery)$", "-benchtime", "3x",
		"./internal/report/ports", "./internal/fleet").CombinedOutput()
	if err != nil {
		return fmt.Errorf("benchmarking the report: %w\n%s", err, out)
	}
	all := benchmarks(string(out))
	names := []string{"report of 1,000 named peers", "the same in ten groups"}
	if len(all["Report"]) != len(names) || len(all["Discovery"]) != 1 {
		return fmt.Errorf("the benchmarks printed %v", all)
	}
	for i, s := range all["Report"] {
		fmt.Printf("%-28s %6.1f ms (limit %s), %.0f MB in use (limit 100 MB), %.2f MB of JSON (limit 1 MB)\n", names[i], s["ns/op"]/1e6,
			maxMatrix,
			s["MB-in-use"], s["MB-JSON"])
	}
	d := all["Discovery"][0]
	fmt.Printf("%-28s %6.1f ms (limit %s), %.1f MB allocated\n", "10,000 peers beside calls", d["ns/op"]/1e6, maxDiscovery, d["B/op"]/1e6)
	return nil
}

// printScales prints the result of the first scale, and the others as multiples of its time.
func printScales(name string, limit time.Duration, scales []scale) error {
	if len(scales) == 0 {
		return errors.New("the benchmark printed no results")
	}
	first := scales[0]
	fmt.Printf("%-28s %6.1f ms (limit %s), %.1f MB allocated (limit %d MB)\n", name, first["ns/op"]/1e6, limit, first["B/op"]/1e6,
		maxJudged/1_000_000)
	if len(scales) == 5 {
		fmt.Printf("    times that               %6.2f at 2x peers, %.2f at 4x; %.2f at 2x rules, %.2f at 4x\n",
			scales[1]["x-time"], scales[2]["x-time"], scales[3]["x-time"], scales[4]["x-time"])
	}
	if first["B/op"] > maxJudged {
		return fmt.Errorf("%.0f bytes are allocated, more than %d", first["B/op"], maxJudged)
	}
	return nil
}

// scale is one line of benchmark output: its values by unit.
type scale map[string]float64

// benchmarks parses the output of `go test -bench`. It groups the lines by benchmark name, without sub-benchmark and
// number of processors (golang.org/design/14313-benchmark-format).
func benchmarks(out string) map[string][]scale {
	all := map[string][]scale{}
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		s := scale{}
		for i := 2; i+1 < len(fields); i += 2 {
			if value, err := strconv.ParseFloat(fields[i], 64); err == nil {
				s[fields[i+1]] = value
			}
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(fields[0], "Benchmark"), "/")
		name, _, _ = strings.Cut(name, "-")
		all[name] = append(all[name], s)
	}
	return all
}

// dials prints the maximum time for probing if no peer responds. For both port ranges of ignite2, muster dials the
// first port and a canary port on each of 1,000 peers.
func dials(int) error {
	needs, _, err := reach.ParsePorts(reach.DefaultProfile)
	if err != nil {
		return err
	}
	targets := 0
	for _, n := range needs {
		targets += 1000 * len(probe.Targets(netip.MustParseAddr("10.0.1.5"), n, nil))
	}
	fmt.Printf("dialing 1,000 silent peers   %6.1f s at most, %d dials (limit %s)\n", (&probe.Prober{}).Longest(targets).Seconds(), targets,
		maxDials)
	return nil
}
