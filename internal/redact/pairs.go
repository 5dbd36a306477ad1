package redact

import (
	"strings"

	"muster/internal/base/lazyregexp"
)

// Many formats store a name and its value in two fields, in any order:
//
//	{"name":"DB_PASSWORD","value":"..."}
//	{Name: "x", Value: "y"}
//	ParameterKey=x,ParameterValue=y
//	<property name="x" value="y"/>
//	Property: x, Value: "y"
//
// A file has a path and its content.

// pairField matches the start of such a field. The first group is its name.
var pairField = lazyregexp.New(`(?i)(?:^|[^\w])(?:` + quotes + `)?((?:[a-z]+[_-]?)?(?:name|key|property|value)|val|path|dest|contents?)(?:` + quotes + `)?` +
	`\s*(?:[:=]>?|,\s*` + quotes + `)\s*(?:Some\()?`)

// pair is an object whose end has not been found yet.
type pair struct {
	isSecret bool // the name is the name of a secret
	named    bool
	values   []span
	isFile   bool // the path names a secret
	contents []span
}

// paired finds the values of pairs whose name is the name of a secret.
func paired(line, lower string, found []span) []span {
	if !strings.Contains(lower, "val") && !strings.Contains(lower, "content") {
		return found
	}
	var p pair
	for at := 0; at < len(line); {
		m := pairField.Get().FindStringSubmatchIndex(line[at:])
		if m == nil {
			break
		}
		if between := line[at : at+m[2]]; ends(between) {
			found, p = p.close(found), pair{}
		}
		field, from := lower[at+m[2]:at+m[3]], at+m[1]
		v := readValue(line[from:], false)
		text := line[from+v.from : from+v.to]
		if !v.quoted {
			text = text[:cutAt(text)]
		}
		at = from + max(v.from+len(text), 1)
		if isPathField(field) {
			p.isFile = p.isFile || namesSecret(text)
			continue
		}
		if isContentField(field) {
			p.contents = append(p.contents, span{from + v.from, from + v.from + len(text), "named-secret"})
			continue
		}
		if isValueField(field) {
			if len(p.values) > 0 && p.named {
				found, p = p.close(found), pair{}
			}
			p.values = append(p.values, span{from + v.from, from + v.from + len(text), "named-secret"})
			continue
		}
		if p.named && len(p.values) > 0 {
			found, p = p.close(found), pair{}
		}
		p.named, p.isSecret = true, p.isSecret || strengthOf(text) >= wordName
	}
	return p.close(found)
}

func (p pair) close(found []span) []span {
	if p.isSecret {
		found = append(found, p.values...)
	}
	if p.isFile {
		found = append(found, p.contents...)
	}
	return found
}

func isPathField(field string) bool { return field == "path" || field == "dest" || field == "filename" }

func isContentField(field string) bool { return field == "content" || field == "contents" }

func isValueField(field string) bool {
	return strings.HasSuffix(field, "value") || field == "val"
}

// ends reports whether an object ends between two fields.
func ends(between string) bool {
	return strings.ContainsAny(strings.NewReplacer("&quot;", "", `"),`, "", "Some(", "").Replace(between), "{}()<>;")
}

// cutAt returns the end of an unquoted value that is followed by other fields.
func cutAt(text string) int {
	if at := strings.IndexAny(text, ",}>;"); at >= 0 {
		return at
	}
	if strings.HasSuffix(text, ")") || strings.HasSuffix(text, "]") {
		return len(text) - 1
	}
	return len(text)
}
