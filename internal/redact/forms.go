package redact

import (
	"regexp"
	"strings"

	"muster/internal/base/lazyregexp"
)

// A form is a secret that is recognizable without a preceding name. To support another one, add a row; a test masks
// each example.
type form struct {
	rule    string // ID of a Rule
	what    string
	example string // « and » enclose the secret
	hints   string // lower case, ~ means a space; lines without any of them are skipped
	pattern string // the first group is the secret
	needs   func(secret string) bool
}

const (
	// argument separates two arguments, also in a JSON array, YAML on one line, an audit record, and a Bash array.
	argument   = `(?:\s+(?:-\s+|\[)?|` + nul + `|` + quotes + `\s*,?\s*(?:a[0-9]{1,3}=|\[[0-9]{1,3}\]=)?` + quotes + `|,\s*)`
	nul        = `(?:\x00|\\+u0000|\\+x00)` // separates the arguments of a process
	stringText = `(?:\\*"[^"]*"|'[^']*')`
	bare       = `[^\s"'` + "`" + `\\<>]`
	at         = `@(?:[^s]|s[^h]|sh[^a]|sha[^2]|$)` // an "@", but not that of @sha256: in an image reference
	queryKey   = `(?:x-(?:amz|goog|oss|ms)-(?:signature|security-token|credential)|access_?token|id_?token|refresh_?token|` +
		`auth_?token|token|sig|signature|` +
		`api_?key|apikey|auth|client_?secret|password|passwd|pass|pwd|secret|assertion|samlresponse|ticket|jwt|hmac|otp|` +
		`awsaccesskeyid|subscription-key)`
)

var forms = []form{
	{
		"private-key", "a private key in PEM", `-----BEGIN RSA PRIVATE KEY-----\nMIIE`, "-----begin",
		`(?i)(-----BEGIN[A-Z0-9 ]*(?:PRIVATE|STATIC) KEY.*?(?:-----END[A-Z0-9 ]*-----|$))`, nil,
	},
	{
		"private-key", "a private key in the form of SSH2", `---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----`, "---- begin",
		`(---- BEGIN SSH2[A-Z ]*PRIVATE KEY ----.*)`, nil,
	},
	{
		"private-key", "the checksum of PuTTY's private key", `Private-MAC: «0123456789abcdef0123456789abcdef01234567»`, "private-",
		`(?i)Private-(?:MAC|Hash):\s*(\w+)`, nil,
	},
	{
		"private-key", "the secrets of a session of TLS, as SSLKEYLOGFILE has them",
		`CLIENT_RANDOM 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef «0123456789abcdef0123456789abcdef»`,
		"client_ server_ exporter_",
		`\b(?:CLIENT|SERVER|EXPORTER|EARLY_EXPORTER)_(?:RANDOM|\w*SECRET\w*)\s+(?:[0-9a-f]{64}|\[masked\])\s+([0-9a-f]{32,})`, nil,
	},
	{
		"private-key", "the private part of a JSON web key, on a line of its own", `  "d": "«x9Kq2mZ7wx9Kq2mZ7wx9Kq2mZ7wx9Kq2mZ»",`,
		`"d" "p" "q" "dp" "dq" "qi" "k"`,
		`^[\s#;>+-]*"(?:d|p|q|dp|dq|qi|k)"\s*:\s*"([\w-]{32,})"\s*,?\s*$`, isMixed,
	},
	{
		"private-key", "the private part of a JSON web key", `{"kty":"EC","d":"«x9Kq2mZ7wx9Kq2mZ7wx9Kq2mZ7w»"}`, `kty`,
		`"(?:d|p|q|dp|dq|qi|k)\\*"\s*:\s*\\*"([\w-]{20,})`, nil,
	},

	{
		"url-credentials", "user and password in a URL", `postgres://«joe:x9/K@q2»@db.example:5432/app`, "://",
		`://([^\s"'<>` + "`" + `]*)` + at, isUserInfo,
	},
	{
		"url-credentials", "user and password in a URL whose signs are escaped", `postgres%3A%2F%2F«joe%3Ax9Kq2»%40db.example`, "%40 %2540",
		`(?i)(?::|%(?:25)*3A)(?://|%(?:25)*2F%(?:25)*2F)([^\s"'<>/&?]*(?::|%(?:25)*3A)[^\s"'<>/&?]*?)%(?:25)*40`, nil,
	},
	{
		"url-credentials", "user and password before a host", `HTTPS_PROXY is «joe:x9Kq2»@proxy.example:3128`, "@",
		`(?:^|[\s"'=(])([^\s"'/@:=,({\[]*:[^\s"'@/][^\s"'@]*)` + at, isNoJDBC,
	},
	{
		"url-credentials", "user and password of a URL without a scheme", `registry=//«joe:x9Kq2»@npm.example/`, "@",
		`(?:^|[\s"'=(])//([^\s"'/@:]*:[^\s"'@/]+)@`, nil,
	},
	{
		"url-credentials", "user and password of a DSN", `«root:x9/Kq2»@tcp(db.example:3306)/app`, "@tcp( @unix(",
		`([^\s"'=]+:[^\s"']+)@(?:tcp|unix)\(`, nil,
	},
	{
		"url-credentials", "user and password of Oracle", `jdbc:oracle:thin:scott/«tiger»@//db.example/x`,
		"oracle sqlplus expdp impdp sqlldr rman",
		`(?i)(?:jdbc:oracle:\w+:|\b(?:sqlplus|expdp|impdp|sqlldr|rman)\s(?:-\w+\s)*)[\w.$#-]+/(\\*"[^"]*"|[^\s@]+)@`, nil,
	},
	{
		"url-credentials", "user and password of Oracle, without a host", `impdp system/«x9Kq2» full=y`, "sqlplus expdp impdp sqlldr rman",
		`\b(?:sqlplus|expdp|impdp|sqlldr|rman)\s(?:-\w+\s)*[\w.$#-]+/([^\s@"'\\/]+)(?:["'\s\\]|$)`, isRandom,
	},
	{
		"url-credentials", "a secret in a query string", `GET /v1?a=1&access_token=«x9Kq2»&b=2`,
		"token sig api auth secret pass pwd assertion ticket jwt hmac otp awsaccess subscription x-",
		`(?i)(?:[?&;]|\\u0026|%26|%3f|&amp;)` + queryKey + `(?:=|%3D)([^&\s"'<>#;\\]+)`, isValue,
	},
	{
		"url-credentials", "a random code or key in a query string", `GET /callback?code=«x9Kq2mZ7w»&state=1`,
		"code= key= state= session sid=", `(?i)[?&](?:code|key|state|session(?:_?id)?|sid)=([^&\s"'<>#;\\]{8,})`, looksSecret,
	},

	{
		"http-header", "the value of a header", `Authorization: «Bearer x9Kq2mZ7w»`, "authorization cookie auth honeycomb insert-key",
		`(?i)(?:\bauthorization|cookie|x-registry-auth|x-honeycomb-team|x-insert-key)(?:` + quotes + `|\])*\s*(?:[:=]|,\s*` + quotes +
			`)\s*[\[({]*(?:` +
			quotes + `)?([^"'\\\s&][^"'\\]*)`,
		isHeader,
	},
	{
		"http-header", "a header that Fluent Bit sends", `Header Authorization Splunk «x9Kq2mZ7w»`, "header",
		`(?i)\bheader(?:` + quotes + `)?[\s:=,]+(?:` + quotes + `)?(?:authorization|[\w-]*(?:key|token|auth))\s+(?:[a-z]+\s+)?([^\s"'\\\]]{8,})`,
		looksSecret,
	},
	{
		"http-header", "a key of Artifactory", `curl -H "X-JFrog-Art-Api:«x9Kq2mZ7w»"`, "x-jfrog-art-api",
		`(?i)x-jfrog-art-api:\s*([^\s"'\\]+)`,
		isValue,
	},
	{
		"url-credentials", "the path at which the ECS agent hands out a task's credentials",
		`GET /v2/credentials/«7c1d3e0a-1111-4222-8333-2b5039bb5b58»`, "/credentials/", `/v[234]/credentials/([\w-]{8,})`, nil,
	},
	{
		"http-header", "a scheme and its credentials", `sent Bearer «x9Kq2mZ7w»`, "bearer basic negotiate apikey aws4",
		`(?i)\b(?:bearer|basic|negotiate|apikey|aws4-hmac-sha256)(?:\s+|%20|\+)(?:token\s+)?([A-Za-z0-9+/_.~=-]{8,})`, isRandom,
	},

	{
		"command-line", "user and password of a flag", `curl -u joe:«x9Kq2» https://api.example`,
		`-u~ -u" -u' -u, -u= --user --proxy-user creds ~-a~ "-a --auth '-a credential`,
		`(?:^|[\s"'\[,])(?:-u|-U|--user|--proxy-user|--auth|--(?:src-|dest-)?creds|--credential)(?:` + argument + `|=)` +
			`?["']?[^\s:"'/=]+:(` + bare + `+)`, isPassword,
	},
	{
		"command-line", "user and password of a flag, in quotes", `curl -u 'joe:«x9 Kq2"»' https://api.example`,
		`-u~' -u' -u=' --user~' --user=' --proxy-user`,
		`(?:^|\s)(?:-u|-U|--user|--proxy-user)(?:\s+|=)?'[^\s':]+:([^']+)'`, isValue,
	},
	{"command-line", "a secret that is piped into a command", `echo «x9Kq2» | docker login --password-stdin`,
		"stdin passwd sudo --with-token login secret cryptsetup gpg --passphrase-fd kinit realm adcli vault",
		`\b(?:echo|yes|printf|print|cat\s*<<<|Write-Output)\s+(?:-\w+\s+)*(?:(?:\\*["'])?%s(?:\\n)?(?:\\*["'])?\s+)?(\\*"[^"|]*"|` +
			`'[^'|]*'|[^\s|]+)\s*\|[^;]*?(?:-stdin|--stdin|passwd|sudo\s+(?:-\w+\s+)*-S|--with-token|\blogin\b|secrets?\s+` +
			`(?:create|set|put)|cryptsetup|gpg|--passphrase-fd|kinit|realm\b|adcli\b|vault\b)`, isValue},
	{
		"command-line", "a secret in a here-string", `docker login --password-stdin <<< «x9Kq2»`, "<<<",
		`(?:stdin|passwd|login|secret create|sudo -S|with-token|kinit|cryptsetup)[^|;<]*<<<\s*(\S+)`, isValue,
	},
	{"command-line", "a password of OpenSSL", `openssl rsa -passin pass:«x9Kq2»`, "pass:", `\bpass:([^\s"'\\]+)`, isPassword},
	{
		"command-line", "a secure string of PowerShell", `ConvertTo-SecureString «"x9Kq2"» -AsPlainText`, "securestring",
		`(?i)ConvertTo-SecureString\s+(?:-String\s+)?(\\*"[^"]*"|'[^']*'|\S+)`, isValue,
	},
	{
		"command-line", "the password of a switch that begins with a slash", `net use /user:joe /p:«x9Kq2»`, "/p: /pass",
		`(?i)\s/(?:p|pass|password|pw|pwd):(\S+)`, isValue,
	},

	{
		"named-secret", "users and passwords for chpasswd", `chpasswd: {list: "«root:x9Kq2»\n«joe:y8Lr3»"}`, "chpasswd",
		`(?:chpasswd\b.*?["'\s]|\\n)([a-z_][\w-]*:[^\s"'\\|,}]+)`, nil,
	},
	{
		"named-secret", "a secret that a subshell prints", `TOKEN=$(echo «x9Kq2» | base64)`, "$(echo $(printf $(cat <(echo <(printf",
		`(?i)(?:pass|pwd|secret|token|key|cred|auth)[\w-]*["']?\s*(?:=\s*["']?\$|[=\s]<)\(\s*(?:echo|printf|cat\s*<<<)\s+(?:-\w+\s+)*` +
			`(` + stringText + `|[^\s|)]+)`, isValue,
	},
	{
		"named-secret", "a file of passwords that echo writes", `echo "joe:«x9Kq2»" > /etc/app/htpasswd`, "passwd .pass",
		`\becho\s+(?:-\w+\s+)*["']?[\w.@-]+:([^\s"'\\>]+)(?:\\*["'])?\s*>>?\s*\S*(?:passw|\.pass)`, isValue,
	},
	{
		"named-secret", "a setting of debconf", `mysql-server/root_password password «x9Kq2»`, "password~",
		`(?i)[\w./-]*passw\w*\s+password\s+([^\s"'\\]+)`, isSetting,
	},
	{
		"named-secret", "a command of a workflow of GitHub", `::add-mask::«x9Kq2»`, "::add-mask::",
		`::add-mask::([^\s"'\\]+)`, isValue,
	},
	{
		"named-secret", "a named command of a workflow of GitHub", `::set-output name=token::«x9Kq2»`, "::set- ::save-",
		`(?i)::(?:set-output|set-env|save-state)\s+name=[\w.-]*(?:pass|pwd|secret|token|cred|key)[\w.-]*::([^\s"'\\]+)`, isValue,
	},
	{
		"named-secret", "users of a login module of JAAS",
		`PlainLoginModule required user_admin="«x9Kq2»" user_joe="«y8Lr3»";`, "user_",
		`LoginModule\b[^;]*?\buser_[\w.-]+=\\*["']([^"'\\\[]+)`, isValue,
	},
	{
		"named-secret", "a property that Flink loads", `Loading configuration property: s3.secret-key, «x9Kq2»`, "configuration~property",
		`(?i)configuration property: [\w.-]*(?:pass|secret|token|cred|access-key|api-key)[\w.-]*, ([^\s"'\\]+)`, isValue,
	},
	{
		"named-secret", "user and password of a call that connects", `mysqli_connect('localhost', 'root', «'x9Kq2'», 'app')`,
		"mysqli pdo dbi-> pg_connect",
		`(?i)\b(?:mysqli(?:_\w*connect|->__construct|->\w*connect)?|PDO(?:->__construct)?|DBI->connect)\s*\(\s*` +
			stringText + `\s*,\s*` + stringText + `\s*,\s*(` + stringText + `)`, isValue,
	},
	{
		"named-secret", "a key or a salt of WordPress", `define( 'AUTH_SALT', «'x9Kq2mZ7w'» );`, "define(",
		`\bdefine\(\s*\\*["'][A-Z_]*(?:KEY|SALT)\\*["']\s*,\s*(` + stringText + `)`, looksSecret,
	},
	{
		"named-secret", "a new access key, as text",
		"ACCESSKEY\t«AKIAIOSFODNN7EXAMPLE»\t2026-01-02T03:04:05Z\t«x9Kq2mZ7wx9Kq2»\tActive", "accesskey",
		`\bACCESSKEY(?:\s|\\t)+\S+?(?:\s|\\t)+[0-9T:.Z+-]{10,}(?:\s|\\t)+([^\s\\]{8,})`, isRandom,
	},
	{
		"named-secret", "a password that Elasticsearch sets", `PASSWORD elastic = «x9Kq2»`, "password~",
		`\bPASSWORD [a-z_]+ = ([^\s"'\\]+)`, isValue,
	},
	{
		"named-secret", "a setting of Redis, as MONITOR prints it", `"config" "set" "requirepass" "«x9Kq2»"`, "requirepass masterauth",
		`(?i)"(?:requirepass|masterauth)\\*"\s+\\*"([^"\\]+)`, isValue,
	},
	{
		"named-secret", "user and password of ftp", `user joe «x9Kq2mZ7w»`, "user~",
		`^[\s#>+]*user\s+[\w.@-]+\s+([^\s"'\\;]+)\s*$`, looksSecret,
	},
	{
		"named-secret", "a password file that a subshell prints", `initdb --pwfile=<(printf "%s\n" «"x9Kq2"»)`, "<(echo <(printf <(cat",
		`(?i)pw-?file[=\s]<\(\s*(?:echo|printf|cat\s*<<<)\s+(?:-\w+\s+)*(?:(?:\\*["'])?%s(?:\\+n)?(?:\\*["'])?\s+)?(` + stringText +
			`|[^\s|)]+)`,
		isValue,
	},
	{
		"named-secret", "the password of a master that Sentinel watches", `sentinel auth-pass mymaster «x9Kq2»`, "auth-pass",
		`(?i)\bauth-pass\s+\S+\s+([^\s"'\\]+)`, isValue,
	},
	{
		"named-secret", "a value after leader dots", `Hikari: password..............«correcthorse»`, "password... secret... token...",
		`(?i)(?:password|secret|token)\.{4,}\s*(` + stringText + `|[^\s"'\\]+)`, isValue,
	},
	{
		"named-secret", "a personal access token", `GITLAB_PAT=«x9Kq2mZ7w»`, "_pat", `\w_(?:PAT|pat)(?:` + quotes +
			`)?\s*[=:]\s*(?:` + quotes + `)?([^\s"'\\,;]+)`, looksSecret,
	},
	{
		"named-secret", "a password in SQL", `CREATE USER joe IDENTIFIED BY «'x9Kq2'»`, "identified",
		`(?i)\bidentified\s+(?:with\s+\S+\s+)?(?:by|as)\s+(?:password\s+)?(\\*"[^"]*"|\\*'[^']*'|[^\s;]+)`, isValue,
	},
	{
		"named-secret", "the old password in SQL", `ALTER USER joe IDENTIFIED BY «'y8Lr3'» REPLACE «'x9Kq2'»`, "replace",
		`(?i)\bidentified\s+by\s+(?:` + stringText + `|\S+)\s+replace\s+(` + stringText + `)`, isValue,
	},
	{
		"named-secret", "a password in SQL that a shell quotes", `+ mysql -e 'ALTER USER joe IDENTIFIED BY '\''«x9Kq2»'\'''`, `'\''`,
		`(?i)(?:\bidentified\s+(?:with\s+\S+\s+)?(?:by|as)|pass(?:word|wd)?|pwd|secret|token)\s*[:=,(]?\s*'\\''([^']+)'\\''`, isValue,
	},
	{
		"named-secret", "a password of Redis, as MONITOR prints it", `[0 10.0.0.7:5522] "AUTH" "joe" "«x9Kq2»"`, `auth"~ auth\"~`,
		`(?i)"AUTH\\*"\s+(?:\\*"[^"]*"\s+)?\\*"([^"\\]+)`, isValue,
	},
	{
		"named-secret", "a password of IMAP", `a1 LOGIN joe@h.example «x9Kq2»`, "~login~",
		`(?:^|[\s"])[A-Za-z]{0,4}[0-9]{1,6}\s+LOGIN\s+\S+\s+([^\s\\]+)`, isRandom,
	},
	{
		"named-secret", "a value that Spring rejects",
		`Field error in object 'db' on field 'password': «rejected» value [«correcthorse»]; codes`,
		"rejected~value",
		`(?i)\bon field '[^']*(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|key)': rejected value \[([^\]]*)\]`, isValue,
	},
	{
		"named-secret", "a key that unseals Vault", `Unseal Key 1: «x9Kq2mZ7w»`, "unseal~key recovery~key",
		`(?i)\b(?:unseal|recovery) key(?: [0-9]+)?:\s*([^\s"\\]+)`, isRandom,
	},
	{
		"named-secret", "a token in place of a login", `sonar-scanner -Dsonar.login=«x9Kq2mZ7w»`, "sonar.login",
		`sonar\.login["']?\s*[=:]\s*["']?([^\s"'\\,]+)`, looksSecret,
	},
	{
		"named-secret", "user and password of a login", `cache_peer h.example parent 3128 0 login=joe:«x9Kq2»`, "login=",
		`\blogin=["']?[\w.@-]+:([^\s"'\\]+)`, isPair,
	},
	{
		"named-secret", "user and password in a file of curl", `user = "joe:«x9Kq2»"`, `user~=~ user=`,
		`(?:^|[\s"'])(?:proxy-)?user\s*=\s*\\*"[^":\\]+:([^"\\]+)`, isPair,
	},
	{
		"named-secret", "user and password of a relay, of Postfix", `[smtp.example]:587 joe@h.example:«x9Kq2»`, "]:",
		`(?:^|\s)\[[\w.:-]+\]:[0-9]+\s+[^\s:]+:([^\s"'\\]+)`, isPair,
	},
	{
		"named-secret", "a random value of a secret of Kubernetes", `kubectl create secret generic db --from-literal=value=«x9Kq2»`,
		"--from-literal", `--from-literal(?:=|\s+)["']?[\w.-]+=([^\s"'\\]+)`, isRandom,
	},
	{
		"url-credentials", "user and password that SQL*Plus connects with", `SQL> connect joe/«x9Kq2»@db`, "conn",
		`(?i)\b(?:conn|connect)\s+[\w$#]+/(\\*"[^"]*"|[^\s@"'\\/]+)@`, isValue,
	},
	{
		"named-secret", "the arguments of printf with a secret among them", `printf "%s:pw=«%s»" «joe x9Kq2» > f`, "printf",
		`(?i)\bprintf\s+(?:--\s+)?(?:"[^"%]*%[^"]*|'[^'%]*%[^']*)(?:pass|pwd|pw|secret|token)\w*[=:\s]\s*(?:%[sq]|` +
			regexp.QuoteMeta(Mask) + `)[^"']*["']\s+([^|<>;&]*[^|<>;&\s])`, isValue,
	},
	{
		"named-secret", "a random value that a shell tests, as set -x prints it", `+ '[' -z «x9Kq2mZ7w» ']'`, "+~",
		tracePrompt + `(?:'?\[\[?'?|test)\s+(?:!\s+)?-[nz]\s+(` + stringText + `|[^\s"'\\]+)`, looksSecret,
	},
	{
		"named-secret", "a random value that a shell compares, as set -x prints it", `+ '[' «x9Kq2mZ7wx9Kq2» = '' ']'`, "+~",
		tracePrompt + `(?:'?\[\[?'?|test|case)\s+(?:!\s+)?(` + stringText + `|[^\s"'\\]+)\s+(?:[=!]=?|=~|in$|in\s)`, isLong,
	},
	{
		"named-secret", "a random argument of jq", `jq -n --arg p «x9Kq2mZ7w» '{p:$p}'`, "--arg~",
		`--arg\s+\S+\s+(` + stringText + `|[^\s"'\\]+)`, looksSecret,
	},
	{
		"named-secret", "a secret of Secrets Manager, as text",
		"arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf\t1700000000.0\tdb\t«x9Kq2»\tEXAMPLE1-90ab", "secretsmanager",
		`:secretsmanager:[^\s\\]+(?:\s|\\t)+[0-9.T:+Z-]+(?:\s|\\t)+[^\s\\]+(?:\s|\\t)+([^\s\\]+)(?:\s|\\t)`, isValue,
	},
	{
		"command-line", "what a shell trace feeds to a command, on one line", `+ echo «x9Kq2» + docker login --password-stdin`, "echo~ printf~",
		tracePrompt + printed + `[\s:]+\++[^|+]*?` + readsSecret, isValue,
	},
	{
		"command-line", "what a shell trace feeds to a command before it, on one line", `+ chpasswd + echo «joe:x9Kq2»`, "echo~ printf~",
		readsSecret + `[^|+]*?` + tracePrompt + printed, isValue,
	},
	{
		"named-secret", "the random passwords of cloud-init, on one line", `Set the following 'random' passwords «joe:x9Kq2»`, "passwords",
		`(?i)\bset the following '?random'? passwords\s+(\S+:.*\S)`, isValue,
	},
	{
		"named-secret", "a name and its value in a table, on one line", `| name | DB_PASSWORD | | value | «x9Kq2» |`, "|~value~ |~~value~",
		`(?i)\|\s*(?:name|key)\s*\|\s*[\w./-]*(?:pass(?:word|wd|phrase)?|pwd|secret|token|credentials?|key)[\s|]+value\s*\|\s*([^|]*[^|\s])`,
		isValue,
	},
	{
		"named-secret", "a value that pydantic rejects, on one line",
		`db_password Value error, too short [type=x, input_value=«'x9Kq2'», input_type=str]`,
		"input_value=", `(?i)(?:pass(?:word|wd|phrase)?|pwd|secret|token|key)\b[^\[]*\[[^\[]*\binput_value=(` + stringText + `|[^\s,\]]+)`,
		isValue,
	},
	{
		"named-secret", "a password of Redis", `AUTH «x9Kq2»`, "auth", `(?:^|["'>]\s*|HELLO\s+\d\s+)AUTH\s+(?:[\w.-]+\s+)?(\S+)\s*$`,
		isNoMechanism,
	},
	{
		"named-secret", "a password of Redis, after other words", `slowlog: # AUTH «x9Kq2mZ7w»`, "auth",
		`\sAUTH\s+(?:[\w.-]+\s+)?([^\s"'\\:]+)`,
		looksSecret,
	},
	{
		"named-secret", "a file of PostgreSQL's passwords", `db.example:5432:app:joe:«x9Kq2»`, ":5432: :5433: :6432: :*:",
		`^[\s#;]*(?:[A-Za-z][\w.-]*|\*|(?:\d+\.){3}\d+):(?:\d{2,5}|\*):[\w.*-]+:[\w.*-]+:(\S+)\s*$`, isValue,
	},
	{
		"named-secret", "a line of that file in another", `bad line "db.example:5432:app:joe:«x9Kq2»"`, ":5432: :5433: :6432: :*:",
		`[\s"'](?:[A-Za-z][\w.-]*|\*|(?:\d+\.){3}\d+):(?:\d{2,5}|\*):[\w.*-]+:[\w.*-]+:([^\s"'\\]+)`, isValue,
	},
	{
		"named-secret", "a cookie of Erlang", `rabbitmq -setcookie «XKQMZWABC»`, "setcookie erlang",
		`(?i)(?:-setcookie\s+|erlang[\s_-]?cookie\s*[:=]\s*)(\S+)`, isValue,
	},
	{
		"named-secret", "an element of XML named by its attribute", `<entry key="db.password">«x9Kq2»</entry>`,
		"pass secret token credential key",
		`(?i)<\w+[^<>]*\s(?:name|key)=\\*["'][\w.:-]*(?:pass(?:word|wd|phrase)?|secret|token|credentials?|(?:api|` +
			`access|secret|private)[._-]?key)\\*["'][^<>]*>\s*(?:<\w*value>\s*)?([^<\s][^<]*)`,
		isValue,
	},
	{
		"named-secret", "a name and its value in elements of XML", `<name>DB_PASSWORD</name><value>«x9Kq2»</value>`, "</",
		`(?i)<(?:\w+:)?(?:[\w-]*name|key)>\s*[\w.:-]*(?:pass(?:word|wd|phrase)?|pwd|secret|token|` +
			`credentials?|(?:api|access|private)[._-]?key)[\w.:-]*\s*</[\w:-]+>\s*<(?:\w+:)?[\w-]*value>([^<]+)`,
		isValue,
	},

	{
		"named-secret", "a password in the access list of Redis", `user default on >«x9Kq2» ~* +@all`, "user",
		`(?i)\b(?:set)?user\s+\S+\s+(?:\S+\s+)*?(?:on|off|reset\w*)\s+(?:\S+\s+)*?[>#]([^\s>]+)`, isValue,
	},
	{"named-secret", "a password for a hash", `crypt(«'x9Kq2'», gen_salt('bf'))`, "crypt(", `\bcrypt\(\s*('[^']*')`, isValue},
	{
		"named-secret", "user and password of a constructor", `new BasicAuth("joe", «"x9Kq2"»)`, "auth credential password",
		`(?i)\b\w*(?:auth|authentication|credentials?|UsernamePassword\w*)\s*[=(:]\s*[\[(]?\s*` + stringText + `\s*,\s*(` +
			stringText + `)`,
		isValue,
	},
	{
		"named-secret", "user and password of a setting", `basic_auth: joe:«x9Kq2»`, "auth credential",
		`(?i)\b\w*(?:auth|credentials?)["']?\s*(?:are|is|:|=)\s*["'(]*[\w.@-]+\s*[:/]\s*([^\s"',})/]+)`, isPair,
	},
	{
		"named-secret", "user and password of a known setting", `stats auth joe:«x9Kq2»`, "stats~auth addauth user.info bundle_ sst_auth",
		`(?i)(?:\bwsrep_sst_auth\\*["']?\s*[:=]|\bstats\s+auth\s|\baddauth\s+digest\s|\bauth\.user\.info["']?\s*[:=]|` +
			`\bBUNDLE_\w+["']?\s*[:=])\s*\\*["']?` +
			`[\w.@-]+:([^\s"'\\]+)`, isValue,
	},
	{
		"named-secret", "a token of a host, of Composer", `"github-oauth": {"github.com": "«x9Kq2»"}`, "-oauth -token bearer",
		`"(?:git(?:hub|lab)-(?:oauth|token)|bitbucket-oauth|bearer)\\*"\s*:\s*\{\s*\\*"[^"]*"\s*:\s*\\*"([^"\\]+)`, isValue,
	},
	{
		"named-secret", "what KMS decrypted", `{"Plaintext":"«x9Kq2mZ7w»","KeyId":"k"}`, "plaintext",
		`(?i)\bplaintext\\*["']\s*:\s*\\*["']([^"'\\]+)`, isRandom,
	},
	{
		"named-secret", "a user of SNMP", `createUser joe SHA «x9Kq2mZ7w»`, "createuser",
		`(?i)\bcreateUser\s+(?:-e\s+\S+\s+)?\S+\s+(?:MD5|SHA[\w-]*)\s+(` + stringText + `|\S+)`, isValue,
	},
	{
		"named-secret", "the key of a user of SNMP", `createUser joe SHA «y8Lr3mZ7w» AES «x9Kq2mZ7w»`, "createuser",
		`(?i)\bcreateUser\s.*\s(?:DES|AES[\w-]*)\s+(` + stringText + `|\S+)`, isValue,
	},
	{
		"named-secret", "a user of PgBouncer", `"app" «"x9Kq2mZ7w"»`, `"~"`, `^[\s#;]*"[\w.@-]+"\s+("[^"\\]+")\s*$`, looksSecret,
	},
	{
		"named-secret", "a setting of Redis in a message", `Error requirepass «correcthorse»`, "requirepass masterauth",
		`(?i)\b(?:requirepass|masterauth)\s+(` + stringText + `|[^\s"']+)\s*$`, isSetting,
	},
	{
		"named-secret", "a user of PgBouncer in a message", `Error "app" «"x9Kq2mZ7w"»: refused`, `"~"`,
		`[\s(\[]"[A-Za-z_][\w.@-]*"\s+("[^"\\\s]+")(?:[\s:;,.)\]]|$)`, isStored,
	},
	{
		"named-secret", "the code that activates an instance of ECS Anywhere", `amazon-ssm-agent -register -code «x9Kq2mZ7w»`, "-register",
		`\s-register\s.*?-code(?:=|` + argument + `)["']?([^\s"'\\]+)`, isValue,
	},
	{
		"named-secret", "the registries of a secret of Kubernetes", `.dockerconfigjson: «eyJhdXRocyI6e30K»`, "dockerconfigjson",
		`\.dockerconfigjson["']?\s*[:=]\s*["']?([^\s"']+)`, isValue,
	},
	{"named-secret", "a message of SAML", `SAMLResponse=«PHNhbWw»&RelayState=x`, "samlre", `\bSAML(?:Response|Request)=([^&\s"']+)`,
		isValue},
	{
		"named-secret", "a password in another language", `contraseña: «correcthorse»`,
		"contraseña mot_de_passe mot~de~passe hasło пароль 密码 パスワード",
		`(?i)(?:contraseña|mot[ _-]de[ _-]passe|hasło|пароль|密码|パスワード)["']?\s*(?:[:=]|：)\s*(\S+)`, isValue,
	},
	{
		"named-secret", "a password that changes, in a plan of Terraform", `~ db_password = «"correcthorse"» -> «"x9Kq2"»`, "->",
		`(?i)(?:pass|secret|token)\w*"?\s*[=:]\s*(?:"[^"]*"|` + regexp.QuoteMeta(Mask) + `)\s*->\s*("[^"]*")`, isValue,
	},
	{
		"named-secret", "a replacement by sed", `sed -i 's/@@DB_PASSWORD@@/«x9Kq2»/' app.conf`, "sed",
		`(?i)\bsed\b.*?\bs[/|#,][^/|#,]*(?:pass|pwd|secret|token|api_?key)\w*[^/|#,=:]*[/|#,]([^/|#,=:'"]+)[/|#,]`, isValue,
	},
	{
		"named-secret", "a line that printf fills in", `printf 'password=«%s\n»' «x9Kq2»`, "printf",
		`(?i)\bprintf\s+(?:--\s+)?["'][^"'%]*(?:pass|pwd|secret|token|key)\w*[=:\s]\s*%[sq][^"'%]*["']\s+(` + stringText + `|\S+)`, isValue,
	},
	{"named-secret", "a password of LDIF, in base64", `userPassword:: «eDlLcTI=»`, "::", `(?i)(?:password|passwd|pw)::\s+(\S+)`, isValue},
	{
		"named-secret", "a value that Kafka rejects", `ConfigException: Invalid value «x9Kq2» for configuration sasl.jaas.config: x`,
		"invalid~value",
		`Invalid value (.+?) for configuration [\w.]*(?:password|jaas\.config|secret|key|token)\b`, isValue,
	},
	{
		"named-secret", "a value that is refused for a property", `cannot use value «"correcthorse"» for property spring.redis.password`,
		"value",
		`(?i)\bvalue\s+(` + stringText + `)\s+(?:for|of)\s+(?:\w+\s+)?["']?[\w.-]*(?:password|passwd|secret|token)\b`, isValue,
	},
	{
		"named-secret", "a one-time code", `otp: «482193»`, "pin otp mfa 2fa one-time verification",
		`(?i)\b(?:pin|t?otp|mfa|2fa|one-time|verification)(?:[ _-]?(?:code|token|pin))?(?:` + quotes +
			`)*\s*(?:is|[:=])\s*(?:` + quotes + `)?([0-9]{4,8})\b`,
		nil,
	},
	{
		"named-secret", "a secret of a network device", `snmp-server community «x9Kq2» RO`, "community enable secret password key",
		`(?i)\b(?:snmp-server community|r[ow]community6?|enable (?:secret|password)|(?:secret|password|key) ` +
			`[05789])\s+(?:[05789]\s+)?(\S+)`,
		isValue,
	},
	{
		"named-secret", "a secret key beside the id of an access key", `«AKIAIOSFODNN7EXAMPLE»:«x9Kq2mZ7wx9Kq2mZ7w»`, "akia asia",
		`(?:AKIA|ASIA)[A-Z0-9]{12,}\\*["']?[\s:,/|;=]+\\*["']?([A-Za-z0-9/+=]{16,})`, isRandom,
	},
	{
		"named-secret", "a link that signs its reader in", `GET /reset-password/«x9Kq2mZ7wx9Kq2»`,
		"/reset /verify /confirm /invite /magic /activate /login/",
		`(?i)/(?:reset|verify|confirm|invite|magic|activate|login)[\w-]*/([^/\s?&"'<>]{12,})`, looksSecret,
	},
	{"command-line", "a line that Expect types", `send "«x9Kq2»\r"`, "send", `\bsend\s+(?:--\s+)?\\*"([^"\s\\]+)\\+r`, isRandom},

	{
		"named-secret", "a secure string of Parameter Store", `{"Name":"/prod/x","Type":"SecureString","Value":«"x9Kq2"»}`,
		"securestring put-parameter",
		`(?i)(?:SecureString|put-parameter)\b[^{}|;]*?\bvalue\\*["']?\s*[:=\s]\s*(` + stringText + `|[^\s,}]+)`, isValue,
	},
	{
		"named-secret", "a secure string of Parameter Store, as text", `/prod/x SecureString «x9Kq2» 1`, "securestring",
		`\bSecureString(?:\s|\\t)+([^\s"'\\-][^\s"'\\]*)(?:\s|\\t)+[0-9]+\b`, isValue,
	},
	{
		"named-secret", "a change of password", `changed password from «x9Kq2 to y8Lr3»`, "password passwd",
		`(?i)\bpassw\w+\s+(?:\w+\s+)?(?:changed\s+)?from\s+(\S+\s+to\s+\S+)`, isChange,
	},
	{
		"http-header", "a parameter of Digest, OAuth or Hawk", `Digest username="joe", response="«x9Kq2mZ7w»"`, "digest oauth hawk",
		`(?i)\b(?:response|cnonce|oauth_signature|oauth_token|mac)=\\*"([^"\\]{8,})`, nil,
	},
	{"command-line", "the password of a scheduled task", `schtasks /create /ru joe /rp «x9Kq2»`, "/rp", `(?i)\s/rp\s+(\S+)`, isValue},

	{
		"signature", "the signature of a request", `&x=1 sig=«x9Kq2mZ7wx9Kq2mZ7w%3D»`, "sig", `(?i)\bsig(?:nature)?=([\w%+/-]{16,}=*)`,
		nil,
	},
	{
		"aws-access-key", "an AWS access key id", `using «AKIAIOSFODNN7EXAMPLE» now`, "akia asia abia acca",
		`(?:^|[^A-Za-z0-9])((?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16,})\b`, nil,
	},
	{
		"vendor-token", "Discord", `bot «MTx9Kq2mZ7wx9Kq2mZ7wx9Kq.x9Kq2m.x9Kq2mZ7wx9Kq2mZ7wx9Kq2mZ7w»`, "discord bot token",
		`\b([MNO][A-Za-z\d]{23,25}\.[\w-]{6}\.[\w-]{27,})`, nil,
	},
	{
		"vendor-token", "Telegram", `bot «123456789:AAx9Kq2mZ7wx9Kq2mZ7wx9Kq2mZ7wx9Kq2mZ7»`, ":aa",
		`(?:\bbot|\b)([0-9]{8,10}:AA[\w-]{33,})`, nil,
	},
	{
		"vendor-token", "Mailchimp", `key «0123456789abcdef0123456789abcdef-us12»`, "-us1 -us2 -us3 -us4 -us5 -us6 -us7 -us8 -us9",
		`\b([0-9a-f]{32}-us[0-9]{1,2})\b`, nil,
	},
	{
		"vendor-token", "Azure", `using «x9K8Q~x9Kq2mZ7wx9Kq2mZ7wx9Kq2mZ7wx9Kq2mZ7wx»`, "8q 7q", `(?:^|[^\w])(\w{3}[78]Q~[\w~.-]{30,})`,
		nil,
	},
	{
		"vendor-token", "Terraform Cloud", `using «x9Kq2mZ7wx9Kq2.atlasv1.x9Kq2mZ7wx9Kq2mZ7wx9Kq2mZ7wx9Kq2mZ7wx9Kq2mZ7w»`, ".atlasv1.",
		`\b(\w{14}\.atlasv1\.[\w-]{40,})`, nil,
	},
	{"vendor-token", "OpenShift", `using «sha256~x9Kq2mZ7wx9Kq2mZ7wx9Kq2mZ7wx9Kq2mZ7wx9Kq2»`, "sha256", `\b(sha256~[\w-]{40,})`, nil},
	{"vendor-token", "HashiCorp Vault, before 1.10", `using «s.x9Kq2mZ7wx9Kq2mZ7wx9Kq2m»`, "s.", `(?:^|[\s"'=:])(s\.[A-Za-z0-9]{24})\b`,
		isMixed},
	{"vendor-token", "SendGrid", `using «SG.x9Kq2mZ7wx9Kq2mZ7w.x9Kq2mZ7wx9Kq2mZ7w»`, "sg.", `\b(SG\.[\w-]{16,}\.[\w-]{16,})`, nil},
	{
		"vendor-token", "AWS session", `using «IQoJb3JpZ2luX2Vjx9Kq2mZ7wx9Kq2mZ7w»`, "iqojb3jpz2lu gozxivyxdz",
		`((?:IQoJb3JpZ2lu|F[wQ]oGZXIvYXdz)[\w/+%=-]{16,})`, nil,
	},
	{
		"vendor-token", "a webhook", `https://hooks.slack.com/services/«T0/B0/x9Kq2»`,
		"hooks.slack.com discord webhook.office logic.azure",
		`(?i)(?:hooks\.slack\.com/(?:services|workflows|triggers)|discord(?:app)?\.com/api/webhooks|` +
			`webhook\.office\.com/webhookb2)/([\w/@.-]+)`,
		nil,
	},
	{
		"jwt", "a JSON web token, or other JSON in base64", `cookie is «eyJhbGciOiJIUzI1NiJ9.eyJzdWI»`, "eyj",
		`(?:^|[^A-Za-z0-9])(eyJ[\w+/=.-]{16,})`, nil,
	},

	{
		"password-hash", "the hash of a password", `root:«$6$x9Kq2mZ7w$x9Kq2mZ7wx9Kq2mZ7w»:19000`,
		"$1$ $2 $5$ $6$ $7$ $y$ $gy$ $apr1$ $sha1$ $md5$ $argon2 $scrypt$ $pbkdf2",
		`(\$(?:1|2[abxy]?|5|6|7|y|gy|apr1|sha1|md5|argon2(?:id?|d)|scrypt|pbkdf2[\w-]*)\$[\w./$=,+-]{8,})`, nil,
	},
	{
		"password-hash", "a hash that names its scheme", `joe:«{SSHA}x9Kq2mZ7wx9Kq2mZ7w»`, "{s {c {m",
		`(?i)(\{(?:S?SHA(?:256|384|512)?|S?MD5|CRYPT|PBKDF2[\w-]*)\}[\w./$=+-]{8,})`, nil,
	},
	{
		"password-hash", "a hash of Django, PostgreSQL or GRUB", `«pbkdf2_sha256$260000$x9Kq2mZ7w$x9Kq2mZ7w»`,
		"pbkdf2 scram-sha bcrypt_sha argon2",
		`(?i)((?:pbkdf2_\w+|bcrypt_sha256|argon2|scram-sha-256)\$[\w./$=,:+-]{16,}|grub\.pbkdf2\.[\w.]{16,})`, nil,
	},
	{
		"password-hash", "a hash of MySQL", `AS «*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19»`,
		"*0 *1 *2 *3 *4 *5 *6 *7 *8 *9 *a *b *c *d *e *f", `(?:^|[^\w*])(\*[0-9A-F]{40})\b`, nil,
	},
	{"password-hash", "a DES hash of htpasswd", `joe:«rqXexS6ZhobKA»`, "", `^[A-Za-z][\w.-]*:([./0-9A-Za-z]{13})\s*$`, isMixed},
}

// formed finds secrets written in one of the forms.
func (t *tables) formed(line string, has []bool, found []span) []span {
	for i, f := range forms {
		if len(t.forms[i].hints) == 0 || t.forms[i].any(has) {
			found = findAll(t.forms[i].pattern, line, f.rule, f.needs, found)
		}
	}
	return found
}

// findAll finds all matches. The search continues directly after each secret, because the character that ends one
// secret can also introduce the next.
func findAll(p *regexp.Regexp, line, rule string, needs func(string) bool, found []span) []span {
	for from := 0; from < len(line); {
		m := p.FindStringSubmatchIndex(line[from:])
		if m == nil || m[3] <= 0 {
			return found
		}
		v := value{from: m[2], to: m[3]}
		if inner := readValue(line[from+m[2]:from+m[3]], false); inner.quoted {
			v = value{from: m[2] + inner.from, to: m[2] + inner.to}
		}
		if needs == nil || needs(line[from+v.from:from+v.to]) {
			found = append(found, span{from + v.from, from + v.to, rule})
		}
		from += m[3]
	}
	return found
}

// isUserInfo rejects a URL path that contains an "@".
func isUserInfo(s string) bool {
	host, _, path := strings.Cut(s, "/")
	return !path || strings.Contains(host, "@") || strings.Contains(host, ":") && !hostAndPort.Get().MatchString(host)
}

// isNoMechanism rejects the name of an authentication mechanism.
func isNoMechanism(s string) bool {
	return isValue(s) && s != "PLAIN" && s != "LOGIN" && s != "NONE" && !strings.HasPrefix(s, "CRAM-") && !strings.HasPrefix(s, "SCRAM-")
}

// isChange accepts a pair of an old and a new password, but not prose.
func isChange(s string) bool {
	old, after, _ := strings.Cut(s, " to ")
	return isRandom(strings.TrimSpace(old)) && isRandom(strings.TrimSpace(after)) && !identifier.Get().MatchString(old)
}

// isPair accepts a password after a user name, but not a port or the rest of a URL or ARN.
func isPair(s string) bool {
	return isPassword(s) && isRandom(s) && !resource.Get().MatchString("arn:"+s)
}

// isStored accepts a password or its MD5 hash after a user in quotes. It rejects other text, because a message can
// contain any two strings next to each other.
func isStored(s string) bool { return looksSecret(s) && (isMixed(s) || md5Hash.Get().MatchString(s)) }

var md5Hash = lazyregexp.New(`^md5[0-9a-f]{32}$`)

// isSetting rejects the last word of a sentence about the name of a setting.
func isSetting(s string) bool { return isValue(s) && !isStop(s) && !nouns.Get().MatchString(s) }

var nouns = lazyregexp.New(`(?i)^(?:options?|settings?|directives?|parameters?|config\w*|passwords?|values?|first|again|instead)[.,;:!?]?$`)

// isNoJDBC rejects JDBC URLs of Oracle, which another form handles.
func isNoJDBC(s string) bool { return !strings.HasPrefix(s, "jdbc:") }

var hostAndPort = lazyregexp.New(`^(?:[\w.-]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5}$`)

// isHeader rejects a sentence about a header.
func isHeader(s string) bool {
	first, rest, _ := strings.Cut(s, " ")
	return isValue(s) && !variable.Get().MatchString(rest) && (strings.ContainsAny(first, "=;") || isRandom(first) || isRandom(rest) &&
		rest != "")
}

var ids = lazyregexp.New(`^[0-9]{1,6}$`)

// isPassword rejects the rest of a URL, as in "-u https://...", and a numeric user and group, as in "-u 1000:1000".
func isPassword(s string) bool {
	return isValue(s) && !strings.HasPrefix(s, "//") && !ids.Get().MatchString(s)
}
