package redact_test

import (
	"bytes"
	"strings"
	"testing"

	"muster/internal/redact"
)

// Each line between « and » must be masked, completely or in part; S marks text that must not remain. All other lines
// are unchanged.
func TestSecretsOverSeveralLines(t *testing.T) {
	for name, text := range map[string]string{
		"a key in PEM":               "a\n«-----BEGIN RSA PRIVATE KEY-----\nMIISSS\nSSSS=\n-----END RSA PRIVATE KEY-----»\nb",
		"an encrypted key":           "«-----BEGIN ENCRYPTED PRIVATE KEY-----\nProc-Type: SSS\n\nSSS\n-----END ENCRYPTED PRIVATE KEY-----»\nb",
		"a key of OpenSSH, indented": "x:\n«    -----BEGIN OPENSSH PRIVATE KEY-----\n    b3BlSSS\n    -----END OPENSSH PRIVATE KEY-----»\nb: 1",
		"a key of PGP":               "«-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQSSS\n=abcd\n-----END PGP PRIVATE KEY BLOCK-----»\nb",
		"a key of SSH2": "«---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nComment: x\nP2SSS\n---- END SSH2 ENCRYPTED PRIVATE KEY " +
			"----»\nb",
		"a key of PuTTY": "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPrivate-Lines: 2\n«AAASSS\nSSS=\nPrivate-MAC: " +
			"0123SSS»\nb",
		"a key in a log": "Jan 02 03:04:05 h app: «-----BEGIN PRIVATE KEY-----\nJan 02 03:04:05 h app: MIISSS\nJan 02 03:04:05 h " +
			"app: -----END PRIVATE KEY-----»\nb",
		"a name, then its value":     "- name: DB_PASSWORD\n«  value: SSS»\n- name: A\n  value: b",
		"a name, a type, a value":    "{\n\"name\": \"API_TOKEN\",\n\"type\": \"PLAINTEXT\",\n«\"value\": \"SSS\"»\n},\n\"value\": \"b\"",
		"a value, then its name":     "{\n«\"value\": \"SSS\",»\n\"name\": \"DB_PASSWORD\"\n}",
		"a name and no value":        "- name: DB_PASSWORD\n  valueFrom: arn:aws:ssm:eu-west-1:123456789012:parameter/x\n- name: A\n  value: b",
		"elements of XML":            "<name>db.password</name>\n«<value>SSS</value>»\n<value>b</value>",
		"an element over lines":      "<password>\n«  SSS»\n</password>",
		"an argument vector":         "[\n\"--password\",\n«\"SSS\",»\n\"--verbose\"\n]",
		"a program in a comment":     "# \"Path\": \"redis-cli\",\n# \"Args\": [\n#   \"-a\",\n«#   \"SSS\",»\n#   \"ping\"\n# ]",
		"a program after words":      "Error \"Path\": \"redis-cli\",\n\"Args\": [\n\"-a\",\n«\"SSS\"»\n]",
		"a refused setting of Redis": ">>> 'masterauth «SSS»'\nb",
		"a prompt in a comment":      "# Password for the elastic user:\n«#   SSSzeit»\n# b",
		"arguments in YAML":          "args:\n- --api-token\n«- SSS»\n- --port\n- \"80\"",
		"a command over lines":       "app --password \\\n«  SSS \\»\n  --port 80",
		"a block of YAML":            "db_password: |-\n«  SSS»\nnext: 1",
		"a folded block of YAML":     "  secret: >\n«    SSS\n    SSS»\n  next: 1",
		"users of cloud-init":        "chpasswd:\n«  list: |\n    root:SSS\n  expire: false»\nruncmd: []",
		"a parameter of a servlet":   "<param-name>password</param-name>\n«<param-value>SSS</param-value>»\n<x/>",
		"a prompt and its answer":    "Your password is:\n\n«xSSS9kq2m»\nb",
		"a key of YAML, then more":   "credentials:\n  user: joe\n  region: eu-west-1",
		"a list of names":            "secrets:\n  db_secret:\n    file: ./x",
		"a continued value":          "«DB_PASSWORD=SSS\\\nSSS»\nb",
		"a string of TOML":           "db_password = \"\"\"\n«SSS\nSSS\"\"\"»\nnext = 1",
		"a here-document of HCL":     "password = <<-EOT\n«  SSS»\n  EOT\nnext = 1",
		"a here-document":            "export DB_PASSWORD=$(cat <<'EOF'\n«SSS\nSSS»\nEOF\n)",
		"another here-document":      "cat > x <<EOF\na = 1\nEOF\nb",
		"a property of Spring":       "    Property: spring.datasource.password\n«    Value: \"SSS\"»\n    Origin: class path resource",
		"a bean of Spring":           "<property name=\"password\">\n«  <value>SSS</value>»\n</property>",
		"a prompt and a refusal":     "Password:\nPermission denied, please try again.",
	} {
		t.Run(name, func(t *testing.T) {
			plain := strings.NewReplacer("«", "", "»", "").Replace(text)
			var copied bytes.Buffer
			if err := new(redact.Filter).Copy(&copied, strings.NewReader(strings.ReplaceAll(plain, "\n", "\r\n"))); err != nil {
				t.Fatal(err)
			}
			got := redact.Log(plain)
			if got != copied.String() || strings.Contains(got, "SSS") {
				t.Errorf("got %s\nand %s", got, copied.String())
			}
			before, rest, _ := strings.Cut(text, "«")
			_, after, found := strings.Cut(rest, "»")
			if !found && got != plain || !strings.HasPrefix(got, before) || !strings.HasSuffix(got, after) {
				t.Errorf("got %s", got)
			}
		})
	}
}

// A key without an end line must not hide the rest of the log.
func TestKeyWithoutEndDoesNotHideTheRest(t *testing.T) {
	got := redact.Log("-----BEGIN PRIVATE KEY-----\n" + strings.Repeat("line\n", 400))
	if n := strings.Count(got, "line"); n != 100 {
		t.Errorf("%d lines remain", n)
	}
}
