// Package redacttest generates secrets of the usual kinds for tests. None of them is a real credential.
package redacttest

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
)

// Secret is a secret and a text that contains it in a typical form.
type Secret struct {
	Kind  string
	Text  string   // one line or several
	Parts []string // parts that redaction must remove
}

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
	hex    = digits + "abcdef"
	mixed  = lower + upper + digits
)

type source struct{ *rand.Rand }

func (s source) text(n int, from string) string {
	var b strings.Builder
	for range n {
		b.WriteByte(from[s.IntN(len(from))])
	}
	return b.String()
}

// word returns text with a character of each kind, as password rules demand.
func (s source) word(n int) string { return "x" + s.text(n-3, mixed) + "Q7" }

// pem returns a private key over several lines, and those lines.
func (s source) pem(kind, indent string) (text string, lines []string) {
	for range 6 {
		lines = append(lines, s.text(64, mixed+"+/"))
	}
	lines = append(lines, s.text(22, mixed)+"==")
	return indent + "-----BEGIN " + kind + "-----\n" + indent + strings.Join(
		lines,
		"\n"+indent,
	) + "\n" + indent + "-----END " + kind + "-----", lines
}

// Secrets returns n secrets, cycling through all kinds. It always returns the same list.
func Secrets(n int) []Secret {
	s := source{rand.New(rand.NewPCG(4, 2))}
	all := make([]Secret, 0, n)
	for i := range n {
		kind := kinds[i%len(kinds)]
		text, parts := kind.make(s)
		all = append(all, Secret{kind.name, text, parts})
	}
	return all
}

// one returns a function that inserts a secret into a format with one %s.
func one(format string, secret func(source) string) func(source) (string, []string) {
	return func(s source) (string, []string) {
		it := secret(s)
		return fmt.Sprintf(format, it), []string{it}
	}
}

func pattern(prefix string, n int, from string) func(source) string {
	return func(s source) string { return prefix + s.text(n, from) }
}

func word(s source) string { return s.word(14) }

func pemOf(kind, indent, before string) func(source) (string, []string) {
	return func(s source) (string, []string) {
		text, lines := s.pem(kind, indent)
		return before + text, lines
	}
}

func onOneLine(s source) (string, []string) {
	text, lines := s.pem("RSA PRIVATE KEY", "")
	return `{"key":"` + strings.ReplaceAll(text, "\n", `\n`) + `"}`, lines
}

// basic returns a user and a password in base64.
func basic(s source) string {
	return base64.StdEncoding.EncodeToString([]byte("user:" + s.word(13)))
}

func jwt(s source) string {
	return "eyJhbGciOiJIUzI1NiJ9." + s.text(60, mixed+"-_") + "." + s.text(43, mixed+"-_")
}

var kinds = []struct {
	name string
	make func(source) (string, []string)
}{
	{"AWS access key", one("using key %s for this call", pattern("AKIA", 16, upper+digits))},
	{"AWS session key", one("using key %s for this call", pattern("ASIA", 16, upper+digits))},
	{"AWS secret key, bare", one("found %s in the profile", func(s source) string { return "aB3" + s.text(37, mixed+"/+") })},
	{"AWS secret key in the environment", one("AWS_SECRET_ACCESS_KEY=%s", pattern("", 40, mixed+"/+"))},
	{"AWS secret key in JSON", one(`{"AccessKeyId":"x","SecretAccessKey" : "%s"}`, pattern("", 40, mixed+"/+"))},
	{"AWS session token", one("session IQoJb3JpZ2luX2Vj%s= expired", pattern("", 200, mixed+"/+"))},
	{"AWS metadata token", one("X-aws-ec2-metadata-token: AQAAA%s==", pattern("", 49, mixed+"-_"))},
	{"presigned URL", one("GET https://b.s3.amazonaws.com/k?X-Amz-Signature=%s&x=1", pattern("", 64, hex))},
	{"GitHub token", one("cloning with %s", pattern("ghp_", 36, mixed))},
	{"GitHub fine-grained token", one("cloning with %s", pattern("github_pat_", 82, mixed+"_"))},
	{"GitLab token", one("remote %s refused", pattern("glpat-", 20, mixed+"-_"))},
	{"Slack token", one("posting as %s", func(s source) string { return "xoxb-" + s.text(12, digits) + "-" + s.text(24, mixed) })},
	{"Slack webhook", one("https://hooks.slack.com/services/%s", func(s source) string {
		return "T" + s.text(8, upper) + "/B" + s.text(8, upper) + "/" + s.text(24, mixed)
	})},
	{"Stripe key", one("charge with %s", pattern("sk_live_", 24, mixed))},
	{"Google key", one("maps?k=%s", pattern("AIza", 35, mixed+"-_"))},
	{"npm token", one("//registry.example/:_authToken=%s", pattern("npm_", 36, mixed))},
	{"Docker token", one("logging in with %s", pattern("dckr_pat_", 27, mixed+"-_"))},
	{"Vault token", one("vault %s renewed", pattern("hvs.", 90, mixed+"-_"))},
	{"SendGrid key", one("mailing with %s", func(s source) string { return "SG." + s.text(22, mixed) + "." + s.text(43, mixed) })},
	{"JWT", one("cookie is %s", jwt)},
	{"bearer", one("Authorization: Bearer %s", word)},
	{"bearer in a curl", one(`curl -H 'authorization: bearer %s' https://api.example`, word)},
	{"basic", one("Proxy-Authorization: Basic %s", basic)},
	{"basic, bare", one("decoded %s", basic)},
	{"password in the environment", one("DB_PASSWORD=%s", word)},
	{
		"password with blanks in the environment",
		one("export DB_PASSWORD='%s'", func(s source) string { return s.word(9) + " " + s.word(9) }),
	},
	{"password in the middle", one("started with --db-password=%s --verbose", word)},
	{"password as an argument", one("exec mysqladmin --password %s ping", word)},
	{"password of docker login", one("docker login -u joe -p %s registry.example", word)},
	{"password of curl", one("curl -u joe:%s https://api.example", word)},
	{"password in JSON", one(`{"user":"joe","password":"%s"}`, word)},
	{"password in JSON in JSON", one(`msg="{\"user\":\"joe\",\"password\":\"%s\"}"`, word)},
	{"password in YAML", one("    password: %s", word)},
	{"password in a YAML block", one("password: |\n  %s\nnext: 1", word)},
	{"password in INI", one("password = %s", word)},
	{"password in XML", one("<password>%s</password>", word)},
	{"password in an attribute", one(`<Connector keystorePass="%s" port="8443"/>`, word)},
	{"password in a Go value", one("map[Password:%s User:joe]", word)},
	{"password in a URL", one("proxyconnect http://joe:%s@proxy.example:3128: refused", word)},
	{
		"password with an at sign in a URL",
		one("redis://:%s@cache.example:6379/0", func(s source) string { return s.word(7) + "@" + s.word(7) }),
	},
	{"password without a scheme", one("HTTPS_PROXY is joe:%s@proxy.example:3128", word)},
	{"connection string", one("Server=db.example;User Id=joe;Password=%s;", word)},
	{
		"storage account",
		one("DefaultEndpointsProtocol=https;AccountName=a;AccountKey=%s", func(s source) string { return s.text(86, mixed+"/+") + "==" }),
	},
	{"query string", one("GET https://api.example/v1?access_token=%s&page=2", word)},
	{"token by name", one("splunk-token: %s", word)},
	{
		"docker auth of ECS",
		one(`ECS_ENGINE_AUTH_DATA={"https://index.docker.io/v1/":{"username":"joe","password":"%s","email":"e@example.com"}}`, word),
	},
	{"docker auth, dockercfg", one(`ECS_ENGINE_AUTH_DATA={"registry.example":{"auth":"%s","email":"e@example.com"}}`, basic)},
	{"docker auth, pretty", one("\t\"registry.example\": {\n\t\t\"auth\": \"%s\"\n\t}", basic)},
	{
		"password hash",
		one("root:%s:19000:0:99999:7:::", func(s source) string { return "$6$" + s.text(16, mixed) + "$" + s.text(86, mixed+"./") }),
	},
	{"RSA key", pemOf("RSA PRIVATE KEY", "", "")},
	{"OpenSSH key in YAML", pemOf("OPENSSH PRIVATE KEY", "    ", "  content: |\n")},
	{"EC key in a log", pemOf("EC PRIVATE KEY", "", "read ")},
	{"key on one line", onOneLine},
	{"SSH key file without its first line", func(s source) (string, []string) {
		text, lines := s.pem("OPENSSH PRIVATE KEY", "")
		_, rest, _ := strings.Cut(text, "\n")
		return rest, lines
	}},
}
