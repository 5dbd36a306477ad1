package redact

// privateKeyForms are private keys.
var privateKeyForms = []form{
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
		"private-key", "the private part of a JSON web key, on a line of its own",
		`  "d": "«x9Kq2mZ7wx9Kq2mZ7wx9Kq2mZ7wx9Kq2mZ»",`, `"d" "p" "q" "dp" "dq" "qi" "k"`,
		`^[\s#;>+-]*"(?:d|p|q|dp|dq|qi|k)"\s*:\s*"([\w-]{32,})"\s*,?\s*$`, isMixed,
	},
	{
		"private-key", "the private part of a JSON web key", `{"kty":"EC","d":"«x9Kq2mZ7wx9Kq2mZ7wx9Kq2mZ7w»"}`, `kty`,
		`"(?:d|p|q|dp|dq|qi|k)\\*"\s*:\s*\\*"([\w-]{20,})`, nil,
	},
}

// tokenForms are signatures, tokens and hashes that need no name.
var tokenForms = []form{
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
	{
		"vendor-token", "HashiCorp Vault, before 1.10", `using «s.x9Kq2mZ7wx9Kq2mZ7wx9Kq2m»`, "s.",
		`(?:^|[\s"'=:])(s\.[A-Za-z0-9]{24})\b`, isMixed,
	},
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
