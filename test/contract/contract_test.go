package contract

import (
	"errors"
	"testing"
)

func TestVerdict(t *testing.T) {
	broken := errors.New("status: got 500, want 400")
	for name, c := range map[string]struct {
		err    error
		known  string
		exempt bool
		good   bool
	}{
		"holds":                          {nil, "", false, true},
		"breaks":                         {broken, "", false, false},
		"breaks as exempted":             {broken, "got 500", true, true},
		"breaks in another way":          {broken, "got 501", true, false},
		"holds in spite of an exemption": {nil, "got 500", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := verdict(c.err, c.known, c.exempt); (got == nil) != c.good {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestClausesHaveDistinctNames(t *testing.T) {
	seen := map[string]bool{}
	for _, cl := range clauses() {
		if seen[cl.name] || cl.hold == nil {
			t.Errorf("clause %q is duplicated or empty", cl.name)
		}
		seen[cl.name] = true
	}
}
