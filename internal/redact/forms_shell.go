package redact

import "regexp"

// commandForms are secrets that a shell passes to a command. A command with flags of its own has a row in commands.
var commandForms = []form{
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
		"command-line", "what a shell trace feeds to a command, on one line", `+ echo «x9Kq2» + docker login --password-stdin`, "echo~ printf~",
		tracePrompt + printed + `[\s:]+\++[^|+]*?` + readsSecret, isValue,
	},
	{
		"command-line", "what a shell trace feeds to a command before it, on one line", `+ chpasswd + echo «joe:x9Kq2»`, "echo~ printf~",
		readsSecret + `[^|+]*?` + tracePrompt + printed, isValue,
	},
	{"command-line", "a line that Expect types", `send "«x9Kq2»\r"`, "send", `\bsend\s+(?:--\s+)?\\*"([^"\s\\]+)\\+r`, isRandom},
	{"command-line", "the password of a scheduled task", `schtasks /create /ru joe /rp «x9Kq2»`, "/rp", `(?i)\s/rp\s+(\S+)`, isValue},
}

// shellForms are other secrets in scripts and in the output of set -x.
var shellForms = []form{
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
		"named-secret", "a password file that a subshell prints", `initdb --pwfile=<(printf "%s\n" «"x9Kq2"»)`, "<(echo <(printf <(cat",
		`(?i)pw-?file[=\s]<\(\s*(?:echo|printf|cat\s*<<<)\s+(?:-\w+\s+)*(?:(?:\\*["'])?%s(?:\\+n)?(?:\\*["'])?\s+)?(` + stringText +
			`|[^\s|)]+)`,
		isValue,
	},
	{
		"named-secret", "a password in SQL that a shell quotes", `+ mysql -e 'ALTER USER joe IDENTIFIED BY '\''«x9Kq2»'\'''`, `'\''`,
		`(?i)(?:\bidentified\s+(?:with\s+\S+\s+)?(?:by|as)|pass(?:word|wd)?|pwd|secret|token)\s*[:=,(]?\s*'\\''([^']+)'\\''`, isValue,
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
		"named-secret", "a replacement by sed", `sed -i 's/@@DB_PASSWORD@@/«x9Kq2»/' app.conf`, "sed",
		`(?i)\bsed\b.*?\bs[/|#,][^/|#,]*(?:pass|pwd|secret|token|api_?key)\w*[^/|#,=:]*[/|#,]([^/|#,=:'"]+)[/|#,]`, isValue,
	},
	{
		"named-secret", "a line that printf fills in", `printf 'password=«%s\n»' «x9Kq2»`, "printf",
		`(?i)\bprintf\s+(?:--\s+)?["'][^"'%]*(?:pass|pwd|secret|token|key)\w*[=:\s]\s*%[sq][^"'%]*["']\s+(` + stringText + `|\S+)`, isValue,
	},
}
