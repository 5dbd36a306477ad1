package redact

import (
	"encoding/base64"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Rule is one kind of secret that is known by its looks or by its name.
type Rule struct {
	ID   string `json:"id"` // stable, kebab-case
	What string `json:"what"`
}

// rule finds its secrets in the first group of its pattern.
type rule struct {
	Rule
	// hints are in lower case; a line that has none of them is not searched. No
	// hint: every line is.
	hints   []string
	pattern *regexp.Regexp
	is      func(secret string) bool // nil: whatever the pattern finds
}

// Names. secretName of a variable hides more; these stand in the middle of prose.
const (
	password = `(?:pass(?:[a-df-hj-z0-9_.-]|\b)|pwd)` //nolint:gosec // a pattern, and neither passed nor passing
	key      = `(?:access|account|api|app|client|encryption|license|master|private|secret|session|shared|signing)[-_ ]?key`
	named    = `(?:` + password + `|secret|token|credential|auth_?data|` + key + `)`
	value    = `(?:[^\s"']|["'][^\s"',;:}\])>&/\\])+` // up to a blank, or a quote that ends something
	begins   = `\s*(?:[|>][+-]?)?(?:\\[nrt]|\s)*`     // before it, in YAML and where line ends are escaped
	at       = `@(?:[^s]|s[^h]|sh[^a]|sha[^2]|$)`     // but no image's @sha256:
	quoted   = `"(?:[^"\\]|\\.)*"?|'[^']*'?|\\+"(?:[^"\\]|\\+[^"\\])*(?:\\+"|$)`
)

// tokens are what vendors let their tokens begin with, so that they are found.
const tokens = `gh[opusr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|gl(?:pat|dt|rt|ft|soat|cbt|ptt|agent|imt|oas|ffct)-[\w-]{20,}|xox[a-z]-[\w-]{10,}|xapp-[\w-]{10,}|` +
	`[srp]k_(?:live|test)_\w{10,}|whsec_\w{16,}|sk-[\w-]{20,}|AIza[\w-]{30,}|ya29\.[\w.-]{20,}|GOCSPX-[\w-]{20,}|npm_\w{30,}|pypi-[\w-]{16,}|` +
	`dckr_[a-z]{3}_[\w-]{20,}|hv[sbr]\.[\w.-]{20,}|SG\.[\w-]{16,}\.[\w-]{16,}|do[opr]_v1_\w{40,}|shp[a-z]{2}_\w{20,}|glsa_\w{20,}|` +
	`NRAK-\w{20,}|dapi[0-9a-f]{32}|hf_\w{30,}|PMAK-[\w-]{20,}|xkeysib-[\w-]{20,}|lin_api_\w{20,}|AGE-SECRET-KEY-1\w{20,}|[0-9]{8,10}:AA[\w-]{33}|` +
	`EAAA\w{20,}|(?:IQoJb3JpZ2lu|F[wQ]oGZXIvYXdz)[\w/+%=-]{16,}|sq0[a-z]{3}-[\w-]{20,}|key-[0-9a-f]{32}|rubygems_[0-9a-f]{32,}|ATATT3\w{20,}|AQAA[\w/+-]{40,}={0,2}` // the last is IMDSv2's

// tokenHints has a piece of each of them.
const tokenHints = "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- gldt- glrt- glft- glsoat- glcbt- glptt- glagent- glimt- gloas- glffct- xox xapp- " +
	"_live_ _test_ whsec_ sk- aiza ya29. gocspx- npm_ pypi- dckr_ hvs. hvb. hvr. sg. _v1_ shp glsa_ nrak- dapi hf_ pmak- xkeysib- lin_api_ " +
	"age-secret-key- :aa eaaa iqojb3jpz2lu gozxivyxdz sq0 key- rubygems_ atatt3 aqaa"

// rules are compiled when they are first used: a boot has no use for most.
var rules = sync.OnceValue(func() []rule {
	r := func(id, what, hints, pattern string, is func(string) bool) rule {
		return rule{Rule{id, what}, strings.Fields(hints), regexp.MustCompile(pattern), is}
	}
	const (
		header     = "the value of a header that carries credentials"
		assigned   = "what is assigned to a name such as password, secret, token or key"
		assignment = "pass pwd secret token credential auth key"
	)
	return []rule{
		r("private-key", "a private key in PEM, over all its lines", "-----begin", `(-----BEGIN[A-Z0-9 ]*PRIVATE KEY.*?(?:-----END[A-Z0-9 ]*-----|$))`, nil),
		r("url-credentials", "user and password in a URL or before a host", "@", `://([^\s"'<>`+"`"+`]*)`+at, nil),
		r("url-credentials", "user and password in a URL or before a host", "@", `(?:^|[\s"'=(])([^\s"'/@:=,({\[]+:[^\s"'@/][^\s"'@]*)`+at, nil),
		r("http-header", header, "authorization cookie auth", `(?i)(?:authorization|cookie|x-registry-auth)["'\\]*\s*[:=]\s*(?:\[?\\*["'])?([^"'\\\s][^"'\\]*)`, nil),
		r("http-header", header, "bearer basic", `(?i)\b(?:bearer|basic)\s+([A-Za-z0-9+/_.~=-]{8,})`, isRandom),
		r("named-secret", assigned, assignment, `(?i)^[\s#;-]*(?:export\s+)?["']?[\w.-]*`+named+`[\w.-]*["']?\s*=\s*(\S.*)$`, isValue),
		r("named-secret", assigned, assignment, `^[\s#;-]*["']?(?:[a-z0-9_.-]*(?i:`+named+`)[a-z0-9_.-]*|[A-Z0-9_.-]*(?i:`+named+`)[A-Z0-9_.-]*)["']?:\s+(\S.*)$`, isValue),
		r("named-secret", assigned, assignment, `(?i)`+named+`[\w.-]*["'\\\]]*\s*=>?\s*((?:`+quoted+`)[^\s,}\]]*|`+value+`)`, isValue),
		r("named-secret", assigned, assignment, `(?i)(?:`+named+`[\w.-]*|["']auth)\\*["']\s*:\s*((?:`+quoted+`)[^\s,}\]]*|\[[^\]]*\]?|\{[^}]*\}?|[^\s,}\]]+)`, isValue),
		r("named-secret", assigned, assignment, `(?i)`+password+`\w*\s*:`+begins+`(`+value+`)`, isValue),
		r("named-secret", assigned, assignment, `(?i)(?:secret|token|`+key+`|\bauth)\s*:`+begins+`(`+value+`)`, isRandom),
		r("named-secret", assigned, assignment, `(?i)(?:<|\\u003c)[\w.:-]*`+named+`[\w.:-]*(?:>|\\u003e)([^<\\]+)`, isValue),
		r("named-secret", assigned, assignment, `(?i)\s--?[\w-]*(?:`+password+`\w*|secret|token|key)\s+(\S+)`, isValue),
		r("named-secret", assigned, "-u --user login", `(?:(?:^|\s)(?:-u|--user)[ =]?["']?[^\s:"']+:|\blogin\b.*?\s-p[ =]?)(\S+)`, isPassword),
		r("signature", "the signature of a request", "sig", `(?i)\bsig(?:nature)?=([\w%+/-]{16,}=*)`, nil),
		r("aws-access-key", "an AWS access key id", "akia asia abia acca", `\b((?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16,})\b`, nil),
		r("vendor-token", "a token that a vendor's prefix gives away", tokenHints, `(?:^|[^A-Za-z0-9])(`+tokens+`)`, nil),
		r("vendor-token", "a token that a vendor's prefix gives away", "hooks.slack.com", `hooks\.slack\.com/(?:services|workflows)/([\w/-]+)`, nil),
		r("jwt", "a JSON web token, or other JSON in base64", "eyj", `\b(eyJ[\w+/=.-]{16,})`, nil),
		r("password-hash", "the hash of a password", "$", `(\$(?:1|2[aby]|5|6|7|y|apr1|argon2id?)\$[\w./$=,+-]{8,})`, nil),
	}
})

// Rules lists the rules.
func Rules() []Rule {
	var all []Rule
	for _, r := range rules() {
		if !slices.Contains(all, r.Rule) {
			all = append(all, r.Rule)
		}
	}
	return append(all, Rule{awsSecret, "what looks like an AWS secret access key: 40 mixed characters"}, Rule{longBase64, "a long run of base64, or text in base64"},
		Rule{LongLine, "the rest of a line of more than 64 KiB"})
}

var (
	hexTail  = regexp.MustCompile(`(?:^|/)[0-9a-f]{8,}$`)
	path     = regexp.MustCompile(`^/?(?:(?:[A-Z]?[a-z]+)*[0-9]*/){3,}(?:[A-Z]?[a-z]+)*[0-9]*$`) // one in 10^8 keys looks so
	variable = regexp.MustCompile(`^["'\\]*\$(?:\(|\{|[A-Z_]+["']*$)`)
	prose    = regexp.MustCompile(`^["'\\]*(?:[A-Z]?[a-z]+(?:[-'][a-z]+)*|[A-Z]+|[0-9]{1,5}|[A-Za-z.]+(?:Exception|Error|Fault|Denied|Canceled|Timeout|Failed))["'\\]*[.,;:!?)]*$`)
)

// isValue tells a value from JSON's constants and a shell's variable.
func isValue(s string) bool {
	return !slices.Contains([]string{"null", "true", "false", "{", "{}", "[", "[]", `""`, "''", "|", ">", ","}, s) && !variable.MatchString(s)
}

// isPassword tells one from the rest of a URL, in "-u https://...".
func isPassword(s string) bool { return isValue(s) && !strings.HasPrefix(s, "//") }

// isRandom tells a secret from the words of a sentence.
func isRandom(s string) bool { return isValue(s) && !prose.MatchString(s) }

// isCased tells base64 from digits in hexadecimal and from capitals.
func isCased(s string) bool { return strings.ToLower(s) != s && strings.ToUpper(s) != s }

// agentPolicy is what AWS's policy for the ECS agent ends in. With "role/" before
// it, as in its ARN, it is as long as a key and as mixed.
const agentPolicy = "/AmazonEC2ContainerServiceforEC2Role"

// isMixed tells a random text from a path of words, or one that ends in an id.
func isMixed(s string) bool {
	return !strings.HasSuffix(s, agentPolicy) && isCased(s) && strings.ContainsAny(s, "0123456789") && !hexTail.MatchString(s) && !path.MatchString(s)
}

// isEncodedText: text in base64 is there so that it is not seen.
func isEncodedText(s string) bool {
	decoded, err := base64.StdEncoding.DecodeString(s)
	return err == nil && !slices.ContainsFunc(decoded, func(c byte) bool {
		return c < ' ' && c != '\n' && c != '\t' && c != '\r' || c > '~'
	})
}
