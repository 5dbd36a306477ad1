package term

import (
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"
	"unicode/utf8"
)

// active are the characters of "Trojan Source" (CVE-2021-42574), the controls of
// ECMA-48, and those that Unicode calls default ignorable.
var active = map[string]string{
	"C0":                    "\x00\x01\x07\x08\x0b\x0c\x0d\x1b\x1f",
	"DEL":                   "\x7f",
	"C1":                    "\u0080\u0085\u009b\u009d\u009f",
	"bidi embeddings":       "\u202a\u202b\u202c\u202d\u202e",
	"bidi isolates":         "\u2066\u2067\u2068\u2069",
	"bidi marks":            "\u200e\u200f\u061c",
	"separators":            "\u2028\u2029",
	"byte order mark":       "\ufeff",
	"zero width":            "\u200b\u200c\u200d\u2060\u180e\u00ad",
	"invisible operators":   "\u2061\u2062\u2063\u2064",
	"fillers":               "\u115f\u1160\u3164\uffa0\u034f",
	"annotations":           "\ufff9\ufffa\ufffb",
	"tags":                  "\U000e0001\U000e0041\U000e007f",
	"variation selectors":   "\ufe0f\U000e0100",
	"shorthand and musical": "\U0001bca0\U0001d173",
}

func TestActiveCharactersAreInert(t *testing.T) {
	for name, text := range active {
		blanks := strings.Repeat(" ", utf8.RuneCountInString(text))
		for what, inert := range map[string]func(string) string{"OneLine": OneLine, "Inert": Inert} {
			if got := inert("a" + text + "b"); got != "a"+blanks+"b" {
				t.Errorf("%s, %s: got %q", what, name, got)
			}
		}
		document, err := json.Marshal(map[string]string{text: text})
		if err != nil {
			t.Fatal(err)
		}
		got := InertJSON(document)
		var back map[string]string
		if err := json.Unmarshal(got, &back); err != nil || back[text] != text || strings.ContainsFunc(string(got), isActive) {
			t.Errorf("%s: got %q (%v), which means %q", name, got, err, back)
		}
		page, err := xml.Marshal(element{text, text})
		if err != nil {
			t.Fatal(err)
		}
		var e element
		if err := xml.Unmarshal(InertXML(page), &e); err != nil || strings.ContainsFunc(string(InertXML(page)), isActive) {
			t.Errorf("%s: got %q (%v)", name, InertXML(page), err)
		}
		if want := strings.Map(allowed, text); e.Attr != want || e.Text != want {
			t.Errorf("%s: the XML means %q, not %q", name, e, want)
		}
	}
}

type element struct {
	Attr string `xml:"a,attr"`
	Text string `xml:",chardata"`
}

// allowed is the production Char of XML 1.0; encoding/xml replaces other characters.
func allowed(c rune) rune {
	if c == '\t' || c == '\n' || c == '\r' || c >= 0x20 && c <= 0xd7ff || c >= 0xe000 && c <= 0xfffd || c >= 0x10000 {
		return c
	}
	return '\ufffd'
}

func TestOtherTextStays(t *testing.T) {
	for _, text := range []string{"", "plain ASCII ~", "caf\u00e9 \u65e5\u672c\u8a9e \u05e9\u05dc\u05d5\u05dd \U0001f600", "e\u0301"} {
		if OneLine(text) != text || Inert(text) != text || string(InertJSON([]byte(`"`+text+`"`))) != `"`+text+`"` {
			t.Errorf("%q became %q", text, OneLine(text))
		}
	}
	if got := Inert("a\tb"); got != "a\tb" {
		t.Errorf("a tab became %q", got)
	}
	if got := string(InertJSON([]byte("{\n\t\"a\": 1\r\n}"))); got != "{\n\t\"a\": 1\r\n}" {
		t.Errorf("the layout of JSON became %q", got)
	}
}

func FuzzInert(f *testing.F) {
	for _, text := range active {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsFunc(OneLine(text), isActive) || strings.ContainsFunc(strings.ReplaceAll(Inert(text), "\t", ""), isActive) {
			t.Errorf("%q became %q", text, OneLine(text))
		}
		document, _ := json.Marshal(text)
		got := InertJSON(document)
		var before, after string
		if json.Unmarshal(document, &before) != nil || json.Unmarshal(got, &after) != nil || before != after ||
			strings.ContainsFunc(string(got), isActive) {
			t.Errorf("%q became %q", document, got)
		}
	})
}
