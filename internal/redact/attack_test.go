package redact_test

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"muster/internal/redact"
)

func copied(text string) string {
	var out bytes.Buffer
	_ = new(redact.Filter).Copy(&out, strings.NewReader(text))
	return out.String()
}

// Keys as programs print, quote and log them, and as a rotated log truncates them. Encrypted, OpenSSH and PGP keys have
// the same format between their first and last lines.
func TestKeysAreMaskedInEveryLayout(t *testing.T) {
	for seed := range byte(10) {
		random := make([]byte, 1700)
		_, _ = rand.NewChaCha8([32]byte{seed}).Read(random)
		noLineIsLeft(t, random)
	}
}

func noLineIsLeft(t *testing.T, random []byte) {
	t.Helper()
	for _, kind := range []string{"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "ENCRYPTED PRIVATE KEY",
		"PGP PRIVATE KEY BLOCK"} {
		key := strings.TrimSpace(string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: random})))
		all := strings.Split(key, "\n")
		lines := all[1 : len(all)-1]
		joined := func(between string) string { return strings.Join(all, between) }
		half := len(lines) / 2
		for layout, text := range map[string]string{
			"as it is":                       "before\n" + key + "\nafter\n",
			"escaped":                        `TLS_KEY="` + joined(`\n`) + `"`,
			"escaped twice":                  `{"log":"key ` + joined(`\\n`) + `"}`,
			"with carriage returns":          joined(`\r\n`),
			"with blanks":                    joined(" "),
			"with nothing between":           joined(""),
			"a block of YAML":                "key: |\n  " + joined("\n  ") + "\nnext: x\n",
			"the journal":                    "Nov 01 10:00:00 ip app[12]: " + joined("\nNov 01 10:00:00 ip app[12]: "),
			"Docker's json-file":             `{"log":"` + joined("\\n\",\"stream\":\"stdout\"}\n{\"log\":\"") + `\n","stream":"stdout"}`,
			"set -x":                         "+ cat\n+ echo '" + key + "'\n",
			"a quotation":                    "> " + joined("\n> "),
			"a list of Python":               "['" + joined("', '") + "']",
			"strings side by side":           "key = ('" + joined("\\n'\n       '") + "')",
			"an array of JSON":               "[\n  \"" + joined("\",\n  \"") + "\"\n]",
			"a diff":                         "+" + joined("\n+"),
			"without its beginning":          strings.Join(lines[half:], "\n") + "\n-----END " + kind + "-----\nafter\n",
			"without its end":                "-----BEGIN " + kind + "-----\n" + strings.Join(lines[:half], "\n") + "\nlevel=info msg=\"after\"\n",
			"its middle":                     strings.Join(lines, "\n"),
			"a beginning that is cut":        "TE KEY-----\n" + strings.Join(lines, "\n"),
			"escaped, without its beginning": strings.Join(lines, `\n`) + `\n-----END PRIVATE KEY-----\n"}`,
			"in base64":                      "tls.key: " + base64.StdEncoding.EncodeToString([]byte(key)),
		} {
			got := copied(text)
			for _, line := range lines[:len(lines)-1] {
				if strings.Contains(got, line[8:24]) || strings.Contains(got, base64.StdEncoding.EncodeToString([]byte(line[9:24]))) {
					t.Fatalf("%s, %s: %.200s", kind, layout, got)
				}
			}
		}
	}
}

// odd lists passwords with characters that end a value in some format.
var odd = []string{
	`p@ss:w0rd/xQ7`,
	`a#b$c%d&eQ7zz`,
	`it's-Q7-odd"x`,
	`back\slash\Q7z`,
	`spaced out Q7 zz`,
	`ünïcödéQ7zz`,
	`Ab(c)[d]{e}Q7`,
	`x;y,z|wvQ7q`,
	`=+=Q7abc+==`,
	"`tick`Q7abc",
	`!bang!Q7abc!`,
	`?q=Q7&abc`,
	`$ecretQ7abc`,
	`~t~Q7abc^^`,
	`a.b.c.d.Q7`,
	`10.0.0.1Q7`,
	`/path/like/Q7`,
	`Q7==`,
}

func TestUnusualPasswordsAreMaskedCompletely(t *testing.T) {
	for _, c := range []struct{ text, without string }{ // the characters that this format would escape
		{"DB_PASSWORD=%s", ""}, {`DB_PASSWORD="%s"`, `"\`}, {`DB_PASSWORD='%s'`, `'`}, {`"Env":["A=b","DB_PASSWORD=%s"]`, `"\`},
		{"+ export 'DB_PASSWORD=%s'", "'"},
		{`{"password":"%s","a":1}`, `"\`}, {`{"name":"DB_PASSWORD","value":"%s"}`, `"\`}, {"password: %s", ""}, {"db.password=%s", ""},
		{"[client]\npassword=%s\n", ""},
		{"postgres://app:%s@db:5432/x", " /?#<>|\"'`"}, {"redis://:%s@h:1", " /?#<>|\"'`"}, {"--password=%s", " ;|&"},
		{`<password>%s</password>`, `<>&\`}, {`password="%s" x="y"`, `"<&`},
		{"Server=db;Password=%s;Encrypt=true", `;"`}, {`{'password': '%s', 'x': 1}`, `'\`}, {`level=info msg="password is %s"`, ` "\`},
		{"Authorization: Bearer %s", ` ,;"'\`},
		{"db:5432:app:app:%s", `:\ `}, {`  password = "%s"`, `"\`}, {`curl -u 'joe:%s' http://x`, "'"}, {`required username="a" password="%s";`,
			`"\`},
	} {
		for _, password := range odd {
			if strings.ContainsAny(password, c.without) {
				continue
			}
			if got := copied(fmt.Sprintf(c.text, password)); strings.Contains(got, "Q7") {
				t.Errorf("%s: %q remains in %q", c.text, password, got)
			}
		}
	}
}
