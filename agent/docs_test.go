package agent

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func page(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/reference/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestThePageListsEveryMetricWithItsUnitAndDimensions(t *testing.T) {
	var want, got []string
	for _, m := range healthMetrics() {
		dims := "C S K"
		if m.tasks {
			dims = "C S"
		}
		want = append(want, m.name+" Count "+dims)
	}
	for _, m := range singleMetrics() {
		dims := "C"
		switch {
		case m.instance:
			dims = "C I"
		case m.request != nil:
			dims = "A"
		case m.name == "MemoryUsed" || m.name == "CPUThrottled":
			dims = "C L"
		}
		want = append(want, m.name+" "+m.unit+" "+dims)
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (\\w+) \\| ([A-Z ]+) \\|").FindAllStringSubmatch(page(t), -1) {
		got = append(got, strings.Join(row[1:], " "))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// monthly returns the monthly price for these numbers of metrics and instances, in dollars.
func monthly(metrics, instances int) float64 {
	const dear, cheap, first, call, minutes = 0.30, 0.10, 10_000, 0.01 / 1000, 730 * 60
	return dear*float64(min(metrics, first)) + cheap*float64(max(0, metrics-first)) + call*float64(instances)*minutes
}

func TestThePageHasThePrices(t *testing.T) {
	text := page(t)
	perService, own, perContainer, perInstance := len(healthMetrics()), 0, 0, 0
	for _, m := range healthMetrics() {
		if !m.tasks {
			perContainer++
		}
	}
	for _, m := range singleMetrics() {
		if m.instance {
			perInstance++
		}
		if m.request == nil && m.name != "DroppedData" && m.name != "AllowanceExceeded" { // which are not published while they are 0
			own++
		}
	}
	for _, fleet := range []struct{ instances, services int }{{3, 5}, {20, 25}, {200, 150}} {
		metrics := own + perService*(fleet.services+1)
		containers := metrics + 2*fleet.services*perContainer
		instances := containers + fleet.instances*perInstance
		row := fmt.Sprintf("| %d, %d | %d | $%.0f | $%.0f | $%.0f |", fleet.instances, fleet.services, metrics,
			monthly(metrics, fleet.instances), monthly(containers, fleet.instances), monthly(instances, fleet.instances))
		if !strings.Contains(text, row) {
			t.Errorf("docs/reference/metrics.md has no row %s", row)
		}
	}
}
