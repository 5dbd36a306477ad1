package cloudinit

import (
	"strings"
	"testing"
)

func FuzzScan(f *testing.F) {
	f.Add("Failed running /var/lib/cloud/instance/scripts/part-001 [1]")
	f.Add("Unhandled non-multipart (text/x-not-multipart) userdata: 'b'x'...'")
	f.Add("Failed loading yaml blob. Invalid format at line 3 column 5: \"x")
	f.Fuzz(func(t *testing.T, text string) {
		for _, failure := range scan(Logs[0], []byte(text)) {
			if failure.Text == "" || strings.Contains(failure.Text, "\n") {
				t.Errorf("%+v", failure)
			}
		}
	})
}
