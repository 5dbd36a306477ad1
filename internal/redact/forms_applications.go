package redact

import "regexp"

// applicationForms are secrets of applications, of frameworks and of tools that deploy them.
var applicationForms = []form{
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
		"named-secret", "a value after leader dots", `Hikari: password..............«correcthorse»`, "password... secret... token...",
		`(?i)(?:password|secret|token)\.{4,}\s*(` + stringText + `|[^\s"'\\]+)`, isValue,
	},
	{
		"named-secret", "a personal access token", `GITLAB_PAT=«x9Kq2mZ7w»`, "_pat", `\w_(?:PAT|pat)(?:` + quotes +
			`)?\s*[=:]\s*(?:` + quotes + `)?([^\s"'\\,;]+)`, looksSecret,
	},
	{
		"named-secret", "a value that Spring rejects",
		`Field error in object 'db' on field 'password': «rejected» value [«correcthorse»]; codes`,
		"rejected~value",
		`(?i)\bon field '[^']*(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|key)': rejected value \[([^\]]*)\]`, isValue,
	},
	{
		"named-secret", "a token in place of a login", `sonar-scanner -Dsonar.login=«x9Kq2mZ7w»`, "sonar.login",
		`sonar\.login["']?\s*[=:]\s*["']?([^\s"'\\,]+)`, looksSecret,
	},
	{
		"named-secret", "a random value of a secret of Kubernetes", `kubectl create secret generic db --from-literal=value=«x9Kq2»`,
		"--from-literal", `--from-literal(?:=|\s+)["']?[\w.-]+=([^\s"'\\]+)`, isRandom,
	},
	{
		"named-secret", "the random passwords of cloud-init, on one line", `Set the following 'random' passwords «joe:x9Kq2»`, "passwords",
		`(?i)\bset the following '?random'? passwords\s+(\S+:.*\S)`, isValue,
	},
	{
		"named-secret", "a name and its value in a table, on one line", `| name | DB_PASSWORD | | value | «x9Kq2» |`, "|~value~ |~~value~",
		`(?i)\|\s*(?:name|key)\s*\|\s*[\w./-]*(?:pass(?:word|wd|phrase)?|pwd|secret|token|credentials?|key)` +
			`[\s|]+value\s*\|\s*([^|]*[^|\s])`, isValue,
	},
	{
		"named-secret", "a value that pydantic rejects, on one line",
		`db_password Value error, too short [type=x, input_value=«'x9Kq2'», input_type=str]`,
		"input_value=",
		`(?i)(?:pass(?:word|wd|phrase)?|pwd|secret|token|key)\b[^\[]*\[[^\[]*\binput_value=(` + stringText + `|[^\s,\]]+)`, isValue,
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
		"named-secret", "the registries of a secret of Kubernetes", `.dockerconfigjson: «eyJhdXRocyI6e30K»`, "dockerconfigjson",
		`\.dockerconfigjson["']?\s*[:=]\s*["']?([^\s"']+)`, isValue,
	},
	{
		"named-secret", "a message of SAML", `SAMLResponse=«PHNhbWw»&RelayState=x`, "samlre",
		`\bSAML(?:Response|Request)=([^&\s"']+)`, isValue,
	},
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
		"named-secret", "a value that Kafka rejects",
		`ConfigException: Invalid value «x9Kq2» for configuration sasl.jaas.config: x`, "invalid~value",
		`Invalid value (.+?) for configuration [\w.]*(?:password|jaas\.config|secret|key|token)\b`, isValue,
	},
	{
		"named-secret", "a value that is refused for a property",
		`cannot use value «"correcthorse"» for property spring.redis.password`, "value",
		`(?i)\bvalue\s+(` + stringText + `)\s+(?:for|of)\s+(?:\w+\s+)?["']?[\w.-]*(?:password|passwd|secret|token)\b`, isValue,
	},
	{
		"named-secret", "a one-time code", `otp: «482193»`, "pin otp mfa 2fa one-time verification",
		`(?i)\b(?:pin|t?otp|mfa|2fa|one-time|verification)(?:[ _-]?(?:code|token|pin))?(?:` + quotes +
			`)*\s*(?:is|[:=])\s*(?:` + quotes + `)?([0-9]{4,8})\b`,
		nil,
	},
	{
		"named-secret", "a link that signs its reader in", `GET /reset-password/«x9Kq2mZ7wx9Kq2»`,
		"/reset /verify /confirm /invite /magic /activate /login/",
		`(?i)/(?:reset|verify|confirm|invite|magic|activate|login)[\w-]*/([^/\s?&"'<>]{12,})`, looksSecret,
	},
	{
		"named-secret", "a change of password", `changed password from «x9Kq2 to y8Lr3»`, "password passwd",
		`(?i)\bpassw\w+\s+(?:\w+\s+)?(?:changed\s+)?from\s+(\S+\s+to\s+\S+)`, isChange,
	},
}
