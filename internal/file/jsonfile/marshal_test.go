package jsonfile_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"muster/internal/file/jsonfile"
)

// A name as in CVE-2021-42574, with a C1 control, a tag and a line separator.
const hostile = "a\u202eb\u009bc\u2028d\U000e0041e\x7ff\x1b[2J<b>"

func TestMarshaledTextIsInert(t *testing.T) {
	var printed bytes.Buffer
	if err := jsonfile.Print(&printed, map[string]string{"name": hostile}); err != nil {
		t.Fatal(err)
	}
	line, err := jsonfile.Line(map[string]string{"name": hostile})
	if err != nil {
		t.Fatal(err)
	}
	for name, document := range map[string][]byte{"Print": printed.Bytes(), "Line": line} {
		var back map[string]string
		if err := json.Unmarshal(document, &back); err != nil || back["name"] != hostile {
			t.Errorf("%s: %v, %q", name, err, back)
		}
		if strings.ContainsFunc(string(document), func(c rune) bool { return c > '~' || c < ' ' && c != '\n' }) {
			t.Errorf("%s: %q", name, document)
		}
	}
	if !bytes.HasSuffix(printed.Bytes(), []byte("\n}\n")) || bytes.Contains(line, []byte("\n")) {
		t.Errorf("the layout is %q and %q", printed.String(), line)
	}
	if err := jsonfile.Print(&printed, func() {}); err == nil {
		t.Error("a function was marshaled")
	}
}
