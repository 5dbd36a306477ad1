package redact

// awsForms are secrets in the output of AWS and of its command line.
var awsForms = []form{
	{
		"named-secret", "a new access key, as text",
		"ACCESSKEY\t«AKIAIOSFODNN7EXAMPLE»\t2026-01-02T03:04:05Z\t«x9Kq2mZ7wx9Kq2»\tActive", "accesskey",
		`\bACCESSKEY(?:\s|\\t)+\S+?(?:\s|\\t)+[0-9T:.Z+-]{10,}(?:\s|\\t)+([^\s\\]{8,})`, isRandom,
	},
	{
		"named-secret", "a secret of Secrets Manager, as text",
		"arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf\t1700000000.0\tdb\t«x9Kq2»\tEXAMPLE1-90ab", "secretsmanager",
		`:secretsmanager:[^\s\\]+(?:\s|\\t)+[0-9.T:+Z-]+(?:\s|\\t)+[^\s\\]+(?:\s|\\t)+([^\s\\]+)(?:\s|\\t)`, isValue,
	},
	{
		"named-secret", "what KMS decrypted", `{"Plaintext":"«x9Kq2mZ7w»","KeyId":"k"}`, "plaintext",
		`(?i)\bplaintext\\*["']\s*:\s*\\*["']([^"'\\]+)`, isRandom,
	},
	{
		"named-secret", "the code that activates an instance of ECS Anywhere", `amazon-ssm-agent -register -code «x9Kq2mZ7w»`, "-register",
		`\s-register\s.*?-code(?:=|` + argument + `)["']?([^\s"'\\]+)`, isValue,
	},
	{
		"named-secret", "a secret key beside the id of an access key", `«AKIAIOSFODNN7EXAMPLE»:«x9Kq2mZ7wx9Kq2mZ7w»`, "akia asia",
		`(?:AKIA|ASIA)[A-Z0-9]{12,}\\*["']?[\s:,/|;=]+\\*["']?([A-Za-z0-9/+=]{16,})`, isRandom,
	},
	{
		"named-secret", "a secure string of Parameter Store", `{"Name":"/prod/x","Type":"SecureString","Value":«"x9Kq2"»}`,
		"securestring put-parameter",
		`(?i)(?:SecureString|put-parameter)\b[^{}|;]*?\bvalue\\*["']?\s*[:=\s]\s*(` + stringText + `|[^\s,}]+)`, isValue,
	},
	{
		"named-secret", "a secure string of Parameter Store, as text", `/prod/x SecureString «x9Kq2» 1`, "securestring",
		`\bSecureString(?:\s|\\t)+([^\s"'\\-][^\s"'\\]*)(?:\s|\\t)+[0-9]+\b`, isValue,
	},
}
