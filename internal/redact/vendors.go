package redact

import "strings"

// A vendor is a service whose tokens start with known prefixes. To support another one, add a row.
type vendor struct {
	name     string
	prefixes string // separated by spaces; ~ means a space
	least    int    // minimum number of characters after the prefix
	signs    string // characters allowed after the prefix, in addition to letters, digits and _
}

var vendors = []vendor{
	{"GitHub", "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", 20, ""},
	{"GitLab", "glpat- gldt- glrt- glft- glsoat- glcbt- glptt- glagent- glimt- gloas- glffct-", 20, "-."},
	{"Slack", "xoxa- xoxb- xoxc- xoxd- xoxe- xoxo- xoxp- xoxr- xoxs- xapp- xoxe.", 10, "-."},
	{"Stripe", "sk_live_ sk_test_ rk_live_ rk_test_ pk_live_ pk_test_", 10, ""},
	{"Stripe's webhooks", "whsec_", 20, "+/="},
	{"OpenAI, Anthropic", "sk-", 20, "-"},
	{"Google", "AIza ya29. GOCSPX- 1//0", 20, "-."},
	{"npm", "npm_", 30, ""},
	{"PyPI", "pypi-", 16, "-"},
	{"Docker Hub", "dckr_pat_ dckr_oat_", 20, "-"},
	{"Docker Swarm", "SWMTKN-1- SWMKEY-1-", 20, "-+/="},
	{"HashiCorp Vault", "hvs. hvb. hvr.", 20, "-."},
	{"DigitalOcean", "dop_v1_ doo_v1_ dor_v1_", 40, ""},
	{"Shopify", "shpat_ shpca_ shppa_ shpss_ shpua_", 20, ""},
	{"Grafana", "glsa_ glc_", 20, "=+/"},
	{"New Relic", "NRAK- NRJS- NRII-", 19, "-"},
	{"Databricks", "dapi", 32, "-"},
	{"Hugging Face", "hf_", 30, ""},
	{"Postman", "PMAK-", 20, "-"},
	{"Brevo", "xkeysib- xsmtpsib-", 20, "-"},
	{"Linear, Notion, Figma", "lin_api_ ntn_ figd_ secret_", 30, "-"},
	{"age", "AGE-SECRET-KEY-1", 20, ""},
	{"Square, Facebook", "sq0csp- sq0atp- sq0idp- EAAA EAAC", 20, "-"},
	{"Mailgun", "key-", 32, ""},
	{"RubyGems", "rubygems_", 32, ""},
	{"Atlassian", "ATATT3 ATBB ATCTT3", 20, "=-"},
	{"EC2's metadata", "AQAA", 40, "-/+="},
	{"Tailscale", "tskey-", 16, "-"},
	{"Sentry", "sntrys_ sntryu_", 20, "=/+"},
	{"Doppler", "dp.pt. dp.st. dp.ct. dp.sa.", 30, "."},
	{"Pulumi", "pul-", 40, ""},
	{"SonarQube", "sqp_ squ_ sqa_", 40, ""},
	{"Netlify, Supabase, Fly", "nfp_ sbp_ fo1_ FlyV1~", 20, "-,=+/"},
	{"CircleCI", "CCIPAT_ CCIPRJ_", 20, ""},
	{"JFrog", "AKCp cmVmdGtu", 20, ""},
	{"Heroku", "HRKU-", 30, "-"},
	{"Twilio", "SK", 32, ""},
	{"Alibaba", "LTAI", 12, ""},
	{"Planetscale, Prefect, Typeform", "pscale_tkn_ pscale_pw_ pnu_ tfp_", 20, "-."},
	{"Twitch", "oauth:", 30, ""},
	{"Kubernetes (k3s)", "K10", 40, ":"},
	{"Airtable, Contentful", "patA CFPAT-", 20, "-."},
	{"Cloudflare", "v1.0-", 24, "-"},
	{"1Password", "ops_ey", 40, "-="},
	{"Dynatrace", "dt0c01. dt0s16.", 20, "."},
	{"Vercel", "vcp_ vci_ vca_ vcr_ vck_", 20, ""},
	{"Groq, NVIDIA, Replicate", "gsk_ nvapi- r8_", 30, "-"},
	{"Deno, ReadMe, Buildkite", "ddp_ ddo_ rdme_ bkua_", 30, ""},
	{"Stripe's organizations, Duffel, Plaid", "sk_org_live_ duffel_live_ access-production-", 20, "-"},
	{"Adobe, GitLab's runners", "p8e- GR1348941", 20, "-"},
	{"Elastic, Okta", "SSWS~ essu_", 20, "-=+/"},
}

// vended finds tokens that start with a vendor's prefix.
func (t *tables) vended(line string, has []bool, found []span) []span {
	for i, v := range vendors {
		if !t.vendors[i].any(has) {
			continue
		}
		for prefix := range strings.FieldsSeq(v.prefixes) {
			found = v.tokens(line, strings.ReplaceAll(prefix, "~", " "), found)
		}
	}
	return found
}

func (v vendor) tokens(line, prefix string, found []span) []span {
	for at := 0; ; {
		i := strings.Index(line[at:], prefix)
		if i < 0 {
			return found
		}
		from := at + i
		to := from + len(prefix)
		for to < len(line) && (isWord(line[to]) || strings.IndexByte(v.signs, line[to]) >= 0) {
			to++
		}
		at = from + len(prefix)
		if to-at < v.least || from > 0 && isWord(line[from-1]) && line[from-1] != '_' {
			continue
		}
		if prefix != "SK" || isHex(line[at:to]) { // words can start with SK too
			found = append(found, span{from, to, "vendor-token"})
		}
		at = to
	}
}

func isWord(c byte) bool { return inName(c) && c != '-' && c != '.' }

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }
