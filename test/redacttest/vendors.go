package redacttest

// vendors are tokens that are recognizable by their prefix, in text that does not announce them. The prefixes come from
// the vendors' documentation.
var vendors = []struct {
	name string
	make func(source) string
}{
	{"Tailscale", func(s source) string { return "tskey-auth-" + s.text(12, mixed) + "-" + s.text(32, mixed) }},
	{"OpenAI", pattern("sk-proj-", 48, mixed)},
	{"Anthropic", pattern("sk-ant-api03-", 93, mixed+"-_")},
	{"Hugging Face", pattern("hf_", 34, mixed)},
	{"DigitalOcean", pattern("dop_v1_", 64, hex)},
	{"PyPI", pattern("pypi-AgEIcHlwaS5vcmc", 70, mixed+"-_")},
	{"RubyGems", pattern("rubygems_", 48, hex)},
	{"Shopify", pattern("shpat_", 32, hex)},
	{"Telegram", func(s source) string { return s.text(9, "123456789") + ":AA" + s.text(33, mixed+"-_") }},
	{"Grafana", pattern("glsa_", 32, mixed)},
	{"Databricks", pattern("dapi", 32, hex)},
	{"Atlassian", pattern("ATATT3xFfGF0", 170, mixed+"-_=")},
	{"Terraform Cloud", func(s source) string { return s.text(14, mixed) + ".atlasv1." + s.text(67, mixed) }},
	{"New Relic", pattern("NRAK-", 27, upper+digits)},
	{"Sonar", pattern("squ_", 40, hex)},
	{"Doppler", pattern("dp.st.prd.", 43, mixed)},
	{"Google OAuth", pattern("ya29.a0Af", 150, mixed+"-_")},
	{"Google client", pattern("GOCSPX-", 28, mixed+"-_")},
	{"GitHub app", pattern("ghs_", 36, mixed)},
	{"GitLab runner", pattern("glrt-", 20, mixed+"-_")},
	{"Slack app", func(s source) string {
		return "xapp-1-A" + s.text(10, upper+digits) + "-" + s.text(13, digits) + "-" + s.text(64, hex)
	}},
	{"Stripe webhook", pattern("whsec_", 32, mixed)},
	{"Stripe restricted", pattern("rk_live_", 24, mixed)},
	{"Dynatrace", func(s source) string { return "dt0c01." + s.text(24, upper+digits) + "." + s.text(64, upper+digits) }},
	{"Pulumi", pattern("pul-", 40, hex)},
	{"age", pattern("AGE-SECRET-KEY-1", 58, upper+digits)},
	{"Postman", func(s source) string { return "PMAK-" + s.text(24, hex) + "-" + s.text(34, hex) }},
	{"Sentry", pattern("sntryu_", 64, hex)},
	{"Docker organization", pattern("dckr_oat_", 32, mixed)},
	{"Azure AD", func(s source) string { return s.text(3, mixed) + "8Q~" + s.text(34, mixed+"-_.~") }},
	{"Mailgun", pattern("key-", 32, hex)},
	{"SWM token", func(s source) string { return "SWMTKN-1-" + s.text(50, lower+digits) + "-" + s.text(25, lower+digits) }},
	{"Bedrock", pattern("ABSKQmVkcm9ja0FQSUtleS", 110, mixed+"+/")},
	{"Replicate", pattern("r8_", 37, mixed)},
	{"Groq", pattern("gsk_", 52, mixed)},
	{"Linear", pattern("lin_api_", 40, mixed)},
	{"Netlify", pattern("nfp_", 36, mixed)},
	{"Supabase", pattern("sbp_", 40, hex)},
	{"PlanetScale", pattern("pscale_tkn_", 43, mixed+"-_")},
	{"Artifactory", pattern("AKCp", 69, mixed)},
	{"Figma", pattern("figd_", 40, mixed+"-_")},
	{"Sendinblue", func(s source) string { return "xkeysib-" + s.text(64, hex) + "-" + s.text(16, mixed) }},
}
