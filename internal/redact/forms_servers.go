package redact

// serverForms are secrets of databases, mail servers, directories and network devices.
var serverForms = []form{
	{
		"named-secret", "a setting of debconf", `mysql-server/root_password password «x9Kq2»`, "password~",
		`(?i)[\w./-]*passw\w*\s+password\s+([^\s"'\\]+)`, isSetting,
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
		"named-secret", "the password of a master that Sentinel watches", `sentinel auth-pass mymaster «x9Kq2»`, "auth-pass",
		`(?i)\bauth-pass\s+\S+\s+([^\s"'\\]+)`, isValue,
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
		"named-secret", "a password of Redis, as MONITOR prints it", `[0 10.0.0.7:5522] "AUTH" "joe" "«x9Kq2»"`, `auth"~ auth\"~`,
		`(?i)"AUTH\\*"\s+(?:\\*"[^"]*"\s+)?\\*"([^"\\]+)`, isValue,
	},
	{
		"named-secret", "a password of IMAP", `a1 LOGIN joe@h.example «x9Kq2»`, "~login~",
		`(?:^|[\s"])[A-Za-z]{0,4}[0-9]{1,6}\s+LOGIN\s+\S+\s+([^\s\\]+)`, isRandom,
	},
	{
		"named-secret", "a key that unseals Vault", `Unseal Key 1: «x9Kq2mZ7w»`, "unseal~key recovery~key",
		`(?i)\b(?:unseal|recovery) key(?: [0-9]+)?:\s*([^\s"\\]+)`, isRandom,
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
		"named-secret", "a password in the access list of Redis", `user default on >«x9Kq2» ~* +@all`, "user",
		`(?i)\b(?:set)?user\s+\S+\s+(?:\S+\s+)*?(?:on|off|reset\w*)\s+(?:\S+\s+)*?[>#]([^\s>]+)`, isValue,
	},
	{"named-secret", "a password for a hash", `crypt(«'x9Kq2'», gen_salt('bf'))`, "crypt(", `\bcrypt\(\s*('[^']*')`, isValue},
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
	{"named-secret", "a password of LDIF, in base64", `userPassword:: «eDlLcTI=»`, "::", `(?i)(?:password|passwd|pw)::\s+(\S+)`, isValue},
	{
		"named-secret", "a secret of a network device", `snmp-server community «x9Kq2» RO`, "community enable secret password key",
		`(?i)\b(?:snmp-server community|r[ow]community6?|enable (?:secret|password)|(?:secret|password|key) ` +
			`[05789])\s+(?:[05789]\s+)?(\S+)`,
		isValue,
	},
}
