package redact

import (
	"strings"

	"muster/internal/base/lazyregexp"
)

// A follow describes how a value can follow the name of a secret. To support another one, add a row; a test masks each
// example. The first matching row is used.
type follow struct {
	what    string
	example string                                                 // « and » enclose the secret
	between string                                                 // pattern of the text between the name and the value
	from    strength                                               // the weakest strength of a name for which this row applies
	needs   func(line string, n name, v value, secret string) bool // nil accepts any value
}

// sourceLine matches a file and line number in a stack trace.
var sourceLine = lazyregexp.New(`\.\w+:[0-9]+$`)

const (
	blank   = `(?:\s|\x1b?\[[0-9;]{0,8}m|\\+[nrt]|` + nul + `)` // also matches terminal colors and escaped line endings
	closers = `(?:` + quotes + `|\]|\x1b?\[[0-9;]{0,8}m)*`
	equals  = `(?:[:?+!~=]?=[>=]?=?|->|<-|%(?:25)*3[dD]|\\+u003[dD]|\\+x3[dD]|&#61;)`
	colon   = `(?::|%(?:25)*3[aA]|\\+u003[aA]|&#58;)`
)

func follows() []follow {
	quoted := func(_ string, _ name, v value, _ string) bool { return v.quoted }
	pair := func(line string, n name, v value, _ string) bool {
		isKey := strings.HasPrefix(strings.TrimLeft(line[v.to:], "\"'` \\"), ":")
		return v.quoted && !isKey && n.from > 0 && strings.IndexByte("\"'", line[n.from-1]) >= 0
	}
	long := func(_ string, _ name, _ value, secret string) bool { return looksSecret(secret) }
	word := func(_ string, n name, _ value, secret string) bool {
		return looksSecret(secret) || isRandom(secret) && (n.strength == passName ||
			n.strength >= codeName && strings.ContainsAny(secret, "0123456789") && !sourceLine.Get().MatchString(secret))
	}
	return []follow{
		{
			"an element of XML", `<db:password>«correct horse»</db:password>`, `(?:\s[^<>]{0,120})?(?:>|&gt;|\\+u003e)\s*(?:<!\[CDATA\[)?`,
			wordName, element,
		},
		{"a string of PHP", `["password"]=> string(12) «"correcthorse"»`, closers + blank + `*=>` + blank + `*string\([0-9]+\)` + blank + `*`,
			wordName, quoted},
		{
			"a string of spew", `Password: (string) (len=12) «"correcthorse"»`,
			closers + `\s*` + colon + `\s*\(\*?string\)\s*(?:\((?:len=|0x)\w+[^)]{0,20}\)\s*)*`, wordName, quoted,
		},
		{"an assignment", `exec db-password=«correcthorse»`, closers + blank + `*` + equals + blank + `*`, weakName, assigned},
		{"an assignment with a type", `password: string = «'correcthorse'»`, `\s*:\s*[A-Za-z][\w.<>|? ]{0,30}=\s*`, wordName, notPadding},
		{"an assignment with a type, in Go", `var dbPassword string = «"correcthorse"»`, `\s+\*?[A-Za-z][\w.]*\s*=\s*`, wordName, quoted},
		{
			"a key in quotes and a colon", `{"clientSecret" : «"correcthorse"»}`, quotes + blank + `*` + colon + blank + `*(?:\[\]\w+\{)?`,
			weakName, assigned,
		},
		{
			"a key and a colon", `10:00 app: client_secret: «correcthorse»`,
			closers + blank + `*` + colon + blank + `*(?:[|>][+-]?)?` + blank + `*`, weakName, afterColon,
		},
		{"a flag", `exec tool --db-password «correcthorse»`, blank + `+`, weakName, flagged},
		{"a flag in an argument vector", `["--password",«"correcthorse"»]`, quotes + `\s*,?\s*`, weakName, flagged},
		{"a flag in a list without quotes", `[app, --password, «correcthorse», --port, 80]`, `,\s*`, wordName, listed},
		{"two strings side by side", `("db.password", «"correcthorse"»)`, quotes + `\s*,\s*`, wordName, pair},
		{"a call", `ds.setPassword(«"correcthorse"»)`, `\(\s*`, wordName, quoted},
		{"a line that sets it", `ENV DB_PASSWORD «correcthorse»`, `\s+`, wordName, setBefore},
		{"a line of name and value", `requirepass «correcthorse»`, `\s+`, wordName, wholeLine},
		{"netrc", `machine h.example login joe password «correcthorse»`, `\s+`, passName, loginBefore},
		{"a value in quotes", `the password «'correcthorse'» was refused`, blank + `+`, passName, quoted},
		{"a random value in quotes", `the token «"x9Kq2mZ7w"» was refused`, blank + `+`, wordName, long},
		{"a sentence", `the password for joe is now «correcthorse»`,
			`(?:\s+(?:for|of|to|on|at)(?:\s+["'\w.@%-]+){1,4})?\s+(?:is|was|are|equals|has been|will be)(?:\s+(?:now|set to|` +
				`changed to|reset to|set as))?\s*[:=]?\s*`, wordName, said},
		{
			"an order", `password set to «correcthorse»`,
			`\s+(?:set|changed|reset|rotated|updated|overridden|equal)\s+(?:to|as|with)\s*[:=]?\s*`, wordName, said,
		},
		{
			"a new value", `set DB_PASSWORD to «x9Kq2»`, `\s+(?:to|as|from|with(?: the)? value|has(?: the)? value)\s*[:=]?\s*`, wordName,
			given,
		},
		{
			"a prompt", `Password for root: «correcthorse»`,
			`\s+(?:\w+\s+){0,3}(?:for|of|to)\s+(?:the\s+)?[\w@'"%-]+(?:\.[\w@'"%-]+)*(?:\b\s+\w+){0,2}\s*` +
				`(?:\([^)]{0,80}\))?\s*(?:is\s*)?[:=]\s*`,
			wordName, said,
		},
		{"a sentence with a colon", `temporary token issued: «x9Kq2mZ7w»`, `\s+(?:[^:=,;".]|\.\S){1,60}[:=]\s+`, wordName, long},
		{"a random value", `client-secret «x9Kq2mZ7w» refused`, blank + `+(?:value\s+)?`, wordName, word},
		{"a cell of a table", `| password | «x9Kq2» |`, `\s*\|\s*`, wordName, word},
		{"a property in brackets", `property [keystorePass] to [«correcthorse»]`, `\]\s*(?:to|with|is|=)\s*\[`, passName, nil},
		{"a tuple of Erlang", `{db_password, <<«"correcthorse"»>>}`, `\s*,\s*(?:<<)?`, wordName, tuple},
		{"a value in brackets", `invalid token (x) [«x9Kq2mZ7w»]`, `\s*(?:\(\w*\)\s*)?[\[(](?:(?:was|is|now):?\s+)?`, wordName, word},
	}
}

// maxBetween limits the text between a name and its value.
const maxBetween = 240

// named finds the values that follow names of secrets.
func (t *tables) named(line, lower string, found []span) []span {
	for _, n := range namesIn(line, lower) {
		if n.to == len(line) || n.from > 0 && line[n.from-1] == ':' && line[n.to] == ':' {
			continue // no value follows, or it is part of an ARN
		}
		for i, f := range t.follows {
			if n.strength < f.from || !t.between[i].first[line[n.to]] {
				continue
			}
			m := t.between[i].pattern.FindStringIndex(line[n.to:min(len(line), n.to+maxBetween)])
			if m == nil || n.to+m[1] == len(line) {
				continue
			}
			at := n.to + m[1]
			v := readAt(line, at, n)
			if v.references || line[v.from:v.to] == Mask {
				break
			}
			first := line[v.from:v.to]
			v = whole(line, n, at, v)
			if secret := line[v.from:v.to]; f.matches(line, n, v, secret, at) && isValue(secret) && !describes(line, n, first) {
				found = append(found, span{v.from, v.to, "named-secret"})
				break
			}
		}
	}
	return found
}

// readAt reads the value that starts at the given offset of a line.
func readAt(line string, at int, n name) value {
	v := readValue(line[at:], n.from > 0 && strings.IndexByte("?&;", line[n.from-1]) >= 0)
	if end := strings.IndexAny(line[at:at+v.to], "])"); end >= 0 && !v.quoted && strings.IndexByte("[(", line[at-1]) >= 0 {
		v.to = end
	}
	v.from, v.to = at+v.from, at+v.to
	return v
}

// matches reports whether the text after the name has this form. After a space, a word that starts with a dash is the
// next flag, not a value. A file name is not the name of a secret.
func (f follow) matches(line string, n name, v value, secret string, at int) bool {
	if strings.TrimSpace(line[n.to:at]) == "" {
		isFlag := !v.quoted && strings.HasPrefix(secret, "-")
		isFile := n.from > 0 && (line[n.from-1] == '/' || line[n.from-1] == '%')            // %2F is a slash
		isFile = isFile && (!strings.Contains(line[n.to:at], "\t") || !looksSecret(secret)) // a parameter and its value in text output
		if isFlag || isFile || line[n.from:n.to] == "sshpass" {
			return false
		}
	}
	return f.needs == nil || f.needs(line, n, v, secret)
}

// whole extends an unquoted value that may contain spaces to its full length.
func whole(line string, n name, at int, v value) value {
	before := line[:n.from]
	end := -1
	switch {
	case v.quoted || strings.HasPrefix(line[at:], Mask):
		return v
	case line[at-1] == '>' && openingTag.Get().MatchString(before[max(0, len(before)-48):]): // <password>a b</password>
		end = strings.IndexAny(line[at:], `<&\`)
	case line[at-1] == '=' && at == n.to+1 && isVariable.Get().MatchString(line[n.from:n.to]): // "DB_PASSWORD=a b"
		if m := quoteBefore.Get().FindStringSubmatch(before[max(0, len(before)-16):]); m != nil {
			end, _ = closing(line[at:], 0, m[1])
		}
	case line[at-1] == '=' && at == n.to+1 && line[at] == '(': // creds=(joe 'x')
		if end = strings.IndexByte(line[at:], ')'); end > 1 {
			return value{from: at + 1, to: at + end}
		}
	case line[at-1] == '=' && isConnection(before): // Server=db;Password=a b;
		end = strings.IndexAny(line[at:]+";", `;"`)
	}
	if end > v.to-at {
		return value{from: at, to: at + end}
	}
	return wholeRest(line, n, at, v)
}

// isConnection reports whether the text before a name is the start of a connection string, such as Server=db;
func isConnection(before string) bool {
	before = before[max(0, len(before)-512):]
	return strings.HasSuffix(strings.TrimRight(before, " "), ";") && connection.Get().MatchString(before)
}

var (
	isVariable  = lazyregexp.New(`^[A-Z_][A-Z0-9_]*$`)
	quoteBefore = lazyregexp.New(`(?:^|[\s\[,(=])(\\*["'])$`)
	connection  = lazyregexp.New(`(?i)\b(?:server|data source|host|addr(?:ess)?|uid|user(?: ?id|name)?|driver|database|` +
		`initial catalog|endpoint|accountname|dsn|port)\s*=[^;="]*;(?:[^"]*;)?\s*$`)
)

// lineStart matches the text before a name that starts its line.
var lineStart = lazyregexp.New(`^[\s#;>-]*(?:export\s+)?["']?$`)

// wholeRest extends a value to the end of the line in a settings file, in which values may contain spaces.
func wholeRest(line string, n name, at int, v value) value {
	if v.quoted || n.strength < wordName || n.from > 64 || !lineStart.Get().MatchString(line[:n.from]) || strings.HasPrefix(line[at:], Mask) {
		return v
	}
	sign := strings.Trim(line[n.to:at], " \t\"'")
	if sign == "=" || sign == ":" && line[at-1] != ':' && (n.strength == passName || isOneCase(line[n.from:n.to])) {
		return value{from: at, to: at + len(strings.TrimRight(line[at:], " \t\r"))}
	}
	return v
}

func isOneCase(s string) bool { return s == strings.ToLower(s) || s == strings.ToUpper(s) }

// describes reports whether the value is a property of a secret rather than the secret itself, as in max_tokens=500,
// HttpTokens=required or password_file=/run/secrets/db.
func describes(line string, n name, secret string) bool {
	switch {
	case n.plural && n.strength < passName && prose.Get().MatchString(secret), (n.plural || n.qualified) && number.Get().MatchString(secret):
		return true
	case strings.HasSuffix(line[n.from:n.to], "PWD"): // PWD is the working directory of a shell
		return strings.HasPrefix(secret, "/")
	}
	if isCapital := strings.ToUpper(secret) == secret; isCapital && strings.EqualFold(secret, line[n.from:n.to]) {
		return true // a placeholder, as in "password":"PASSWORD"
	}
	return n.qualified && (fileName.Get().MatchString(secret) || !looksSecret(secret))
}

func assigned(line string, n name, v value, secret string) bool {
	if n.strength == weakName {
		return isLong(secret) || isRandom(secret) && isAuth(line[n.from:n.to], v)
	}
	return true
}

// isAuth reports whether a weak name is the auth field of a Docker configuration or a variable such as REDISCLI_AUTH.
func isAuth(name string, v value) bool {
	return v.quoted && name == "auth" || strings.HasSuffix(name, "_AUTH")
}

// notPadding rejects base64 padding, as in password: eHl6Cg==
func notPadding(_ string, _ name, _ value, secret string) bool {
	return !strings.HasPrefix(secret, "=")
}

// tuple accepts a string that follows an atom at the start of a tuple.
func tuple(line string, n name, v value, _ string) bool {
	return v.quoted && n.from > 0 && line[n.from-1] == '{'
}

// exception matches the name of an error before its message.
var exception = lazyregexp.New(`^[A-Za-z.]+(?:Exception|Error|Fault):?$`)

func afterColon(line string, n name, v value, secret string) bool {
	switch {
	case strings.HasPrefix(line[n.to:], "://"), strings.HasPrefix(secret, ":"):
		return false
	case exception.Get().MatchString(secret):
		return false
	case n.plural && !v.quoted:
		return isRandom(secret)
	case n.strength >= codeName, n.strength == wordName && (v.quoted || lineStart.Get().MatchString(line[:n.from]) &&
		isOneCase(line[n.from:n.to])):
		return true
	case n.strength == weakName:
		return isLong(secret)
	}
	return isRandom(secret)
}

func flagged(line string, n name, _ value, secret string) bool {
	isID := line[n.from:n.to] == "--secret-id" // of Secrets Manager or Vault
	return n.flag && !strings.HasPrefix(secret, "--") && (n.strength > weakName && !isID || looksSecret(secret))
}

// listed accepts a flag in a list such as [app, --password, x], but not in a sentence.
func listed(line string, n name, v value, secret string) bool {
	before := line[:n.from]
	return strings.LastIndexByte(before, '[') > strings.LastIndexByte(before, ']') && flagged(line, n, v, secret)
}

// openingTag matches the text before the name of an XML element.
var openingTag = lazyregexp.New(`(?:<|&lt;|\\+u003c)(?:[\w.-]+:)?$`)

func element(line string, n name, _ value, _ string) bool {
	return openingTag.Get().MatchString(line[max(0, n.from-48):n.from])
}

var (
	settersBefore = lazyregexp.New(`(?i)(?:^|[\s"'])(?:ENV|ARG|setenv|putenv|SetEnv|set(?:\s+-\w+)*|fastcgi_param|` +
		`proxy_set_header|uwsgi_param|add_header)\s+["']?$`)
	loginAndUser = lazyregexp.New(`(?i)(?:login|user|username|account|default)\s+(\S+)\s+$`)
)

func setBefore(line string, n name, _ value, secret string) bool {
	return !isStop(secret) && settersBefore.Get().MatchString(line[max(0, n.from-48):n.from])
}

func loginBefore(line string, n name, _ value, secret string) bool {
	m := loginAndUser.Get().FindStringSubmatch(line[max(0, n.from-96):n.from])
	return m != nil && !strings.HasSuffix(m[1], ":") && !isStop(m[1]) && !isStop(secret)
}

// wholeLine accepts a line that contains only the name and the value.
func wholeLine(line string, n name, v value, secret string) bool {
	if !lineStart.Get().MatchString(line[:n.from]) || strings.Trim(line[n.to:], " \t\r;\"'") != strings.Trim(secret, ";\"'") {
		return false
	}
	return n.strength >= codeName && !isStop(secret) || v.quoted || looksSecret(secret)
}

// stops lists words that can follow "the password is" but are not passwords.
var stops = lazyregexp.New(`(?i)^(?:not|no|an?|the|in|too|only|already|still|never|now|about|being|to|for|of|from|by|` +
	`with|and|or|but|if|on|off|ok|null|new|old|valid|invalid|wrong|` +
	`incorrect|correct|bad|missing|absent|empty|blank|unset|set|weak|strong|short|long|unknown|secret|safe|same|different|` +
	`optional|mandatory|going|there|here|out|up|as|` +
	`available|unavailable|your|this|that|it|managed|default|\w+(?:ed|ing|able|ible|ent|ory))$`)

func isStop(s string) bool { return stops.Get().MatchString(strings.Trim(s, `.,;:!?)"'`)) }

// given rejects words that describe where a secret comes from or goes to.
func given(line string, n name, v value, secret string) bool {
	isCode := strings.ContainsAny(line[n.from:n.to], "_-.")
	isCode = isCode && n.strength >= codeName && isRandom(secret) && strings.ContainsAny(secret, "0123456789")
	return !isStop(secret) && (v.quoted || looksSecret(secret) || isCode)
}

func said(_ string, n name, v value, secret string) bool {
	switch {
	case isStop(secret), strings.HasPrefix(secret, "//"), n.strength < passName && strings.Contains(secret, " "):
		return false
	case v.quoted, n.strength == passName, isRandom(secret):
		return true
	}
	return false
}
