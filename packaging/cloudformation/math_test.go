package cloudformation_test

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// An alarm on metric math must be quiet where the fleet is at zero on purpose.
func TestAlarmsOnMetricMathBreachOnlyWhenSomethingIsMissing(t *testing.T) {
	const missing = -1 // no data point
	for _, c := range []struct {
		situation string
		values    map[string]float64
		breach    []string
	}{
		{"all well", map[string]float64{"wanted": 3, "serving": 3, "reporting": 3, "running": 3, "healthy": 3}, nil},
		{"at zero on purpose", map[string]float64{"wanted": 0, "serving": 0, "reporting": missing, "running": missing,
			"healthy": missing}, nil},
		{"a group without metrics yet", map[string]float64{"wanted": missing, "serving": missing, "reporting": missing,
			"running": missing, "healthy": missing}, nil},
		{"nothing comes at wake", map[string]float64{"wanted": 3, "serving": 0, "reporting": missing, "running": missing,
			"healthy": missing}, []string{"NotComing"}},
		{"one agent is silent", map[string]float64{"wanted": 3, "serving": 3, "reporting": 2, "running": 3, "healthy": 3},
			[]string{"Silent"}},
		{"one task is missing", map[string]float64{"wanted": 3, "serving": 3, "reporting": 3, "running": 2, "healthy": 2},
			[]string{"TooFewTasks"}},
		{"one instance, as its one task", map[string]float64{"wanted": 1, "serving": 1, "reporting": 1, "running": 1, "healthy": 1},
			nil},
		{"more instances than tasks", map[string]float64{"wanted": 5, "serving": 5, "reporting": 5, "running": 3, "healthy": 3}, nil},
		{"no task runs", map[string]float64{"wanted": 3, "serving": 3, "reporting": 3, "running": 0, "healthy": missing},
			[]string{"NoTargets", "NoTasks", "TooFewTasks"}},
		{"no target is healthy", map[string]float64{"wanted": 3, "serving": 3, "reporting": 3, "running": 3, "healthy": 0},
			[]string{"NoTargets"}},
	} {
		var got []string
		for name, r := range resources(t) {
			for _, q := range r.Properties.Metrics {
				if q.Expression.Value == "" {
					continue
				}
				m := math{
					tokens: regexp.MustCompile(`[A-Za-z]+|[0-9]+|[(),<>]`).
						FindAllString(strings.ReplaceAll(q.Expression.Value, "${Tasks}", "3"), -1),
					values: c.values,
				}
				if value := m.expression(t); value != 0 {
					got = append(got, name)
				}
				if len(m.tokens) > 0 {
					t.Fatalf("%s: %q is left of the expression", name, m.tokens)
				}
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(c.breach, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.situation, diff)
		}
	}
}

// math evaluates the metric math that the stack uses at one point in time: IF, FILL, AND
// and comparisons. A missing value is negative, and only FILL may read one.
type math struct {
	tokens []string
	values map[string]float64
}

func (m *math) next(t *testing.T) string {
	t.Helper()
	if len(m.tokens) == 0 {
		t.Fatal("the expression ends too early")
	}
	token := m.tokens[0]
	m.tokens = m.tokens[1:]
	return token
}

func (m *math) expression(t *testing.T) float64 {
	t.Helper()
	left := m.comparison(t)
	for len(m.tokens) > 0 && m.tokens[0] == "AND" {
		m.next(t)
		right := m.comparison(t)
		left = truth(left != 0 && right != 0)
	}
	return left
}

func (m *math) comparison(t *testing.T) float64 {
	t.Helper()
	left := m.value(t)
	if len(m.tokens) > 0 && strings.Contains("<>", m.tokens[0]) {
		less := m.next(t) == "<"
		right := m.value(t)
		return truth(less && left < right || !less && left > right)
	}
	return left
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func (m *math) value(t *testing.T) float64 {
	t.Helper()
	token := m.next(t)
	if token == "IF" || token == "FILL" {
		m.next(t) // (
		var arguments []float64
		for after := ","; after == ","; after = m.next(t) {
			arguments = append(arguments, m.expression(t))
		}
		switch {
		case token == "IF" && len(arguments) == 3 && arguments[0] != 0, token == "FILL" && len(arguments) == 2 && arguments[0] < 0:
			return arguments[1]
		case token == "IF":
			return arguments[2]
		}
		return arguments[0]
	}
	if number, err := strconv.ParseFloat(token, 64); err == nil {
		return number
	}
	value, is := m.values[token]
	if !is {
		t.Fatalf("%s is no metric of the alarm", token)
	}
	return value
}
