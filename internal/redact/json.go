package redact

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
)

// stringOf finds JSON's strings, and the colon behind those that are keys. In
// valid JSON a quote stands nowhere else.
var stringOf = regexp.MustCompile(`"(?:[^"\\]|\\.)*"(\s*:)?`)

// JSON masks the strings of a JSON text: each value by its key's name and by
// the rules. Strings that follow each other in an array are taken for the lines
// of one text. The order of the keys stays. What is no JSON is masked as text.
func (f *Filter) JSON(data []byte) []byte {
	if !json.Valid(data) {
		return []byte(f.Text(string(data)))
	}
	var out bytes.Buffer
	var one *Filter // of this value, or of this array's lines
	key, end := "", 0
	for _, m := range stringOf.FindAllSubmatchIndex(data, -1) {
		between, text := strings.TrimSpace(string(data[end:m[0]])), data[m[0]:m[1]]
		out.Write(data[end:m[0]])
		end = m[1]
		if m[2] >= 0 {
			text = data[m[0]:m[2]]
		}
		if one == nil || between != "," || m[2] >= 0 {
			one = &Filter{Hits: f.Hits}
		}
		var value string
		_ = json.Unmarshal(text, &value) // it is a string: the whole is valid
		if between != "" {
			key = "" // it is another's
		}
		quoted, _ := json.Marshal(one.field(key, value))
		f.Hits = one.Hits
		out.Write(quoted)
		key = ""
		if m[2] >= 0 {
			out.Write(data[m[2]:m[1]])
			key, one = value, nil
		}
	}
	out.Write(data[end:])
	return out.Bytes()
}

// field masks a value by the key that it directly follows, if any, else by the
// rules.
func (f *Filter) field(key, value string) string {
	if value != "" && value != Mask && secretName.MatchString(key) {
		f.hit("named-secret")
		return Mask
	}
	return f.Text(value)
}
