package redact

// urlForms are secrets in URLs and in headers of HTTP.
var urlForms = []form{
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
		`(?i)(?:\bauthorization|cookie|x-registry-auth|x-honeycomb-team|x-insert-key)` +
			`(?:` + quotes + `|\])*\s*(?:[:=]|,\s*` + quotes + `)\s*[\[({]*(?:` +
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
		"url-credentials", "user and password that SQL*Plus connects with", `SQL> connect joe/«x9Kq2»@db`, "conn",
		`(?i)\b(?:conn|connect)\s+[\w$#]+/(\\*"[^"]*"|[^\s@"'\\/]+)@`, isValue,
	},
	{
		"http-header", "a parameter of Digest, OAuth or Hawk", `Digest username="joe", response="«x9Kq2mZ7w»"`, "digest oauth hawk",
		`(?i)\b(?:response|cnonce|oauth_signature|oauth_token|mac)=\\*"([^"\\]{8,})`, nil,
	},
}
