package check_test

import (
	"testing"
	"testing/synctest"
	"time"

	"muster/check"
	"muster/check/catalog"
)

// A lookup proves nothing about an unknown name if muster's own deadline ended it. muster gives the resolver less time
// than a resolver may take (resolv.conf(5), timeout: 5 s).
func TestALookupThatTheCheckCutsOffIsUnknown(t *testing.T) {
	w := healthy(t)
	synctest.Test(t, func(t *testing.T) {
		w.IMDS, w.Net = void{}, void{}
		checks, err := check.Select(catalog.Checks(w.World), []string{"dns"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range checks {
			checks[i].Timeout = 2 * time.Second
		}
		for _, r := range check.Run(t.Context(), checks) {
			if r.ID == "dns" && r.Status != check.Unknown {
				t.Errorf("got %+v", r.Findings)
			}
		}
	})
}
