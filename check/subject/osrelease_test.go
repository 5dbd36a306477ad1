package subject

import (
	"strings"
	"testing"
)

func FuzzParseOSRelease(f *testing.F) {
	f.Add([]byte("NAME=Bottlerocket\nID=bottlerocket\nVARIANT_ID=aws-ecs-2\n"))
	f.Add([]byte("ID=\"amzn\"\r\nVARIANT_ID='x'"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if id, variant := parseOSRelease(data); strings.Contains(id+variant, "\n") {
			t.Errorf("%q, %q of %q", id, variant, data)
		}
	})
}
