package redact

// Rule is a kind of secret.
type Rule struct {
	ID   string `json:"id"` // stable, kebab-case
	What string `json:"what"`
}

// LongLine is the rule for the end of a line that is too long.
const LongLine = "long-line"

// Rules returns all rules.
func Rules() []Rule {
	return []Rule{
		{"private-key", "a private key, over all its lines"},
		{"url-credentials", "user, password or token in a URL or before a host"},
		{"http-header", "the value of a header that carries credentials"},
		{"named-secret", "the value of a name such as password, secret, token or key"},
		{"command-line", "a secret in the arguments of a known program"},
		{"signature", "the signature of a request"},
		{"aws-access-key", "an AWS access key id"},
		{"vendor-token", "a token with the known prefix of a vendor"},
		{"jwt", "a JSON web token, or other JSON in base64"},
		{"password-hash", "the hash of a password"},
		{awsSecret, "40 mixed characters, like an AWS secret access key"},
		{longBase64, "a long run of base64, or text in base64"},
		{LongLine, "the rest of a line of more than 64 KiB"},
	}
}
