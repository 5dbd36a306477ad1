package redact

import (
	"strings"
	"testing"
)

func TestValue(t *testing.T) {
	for name, c := range map[string]struct{ key, value, want string }{
		"an ordinary value":        {"ECS_CLUSTER", "prod", "prod"},
		"registry passwords":       {"ECS_ENGINE_AUTH_DATA", `{"r":{"auth":"x"}}`, Mask},
		"the type of them is none": {"ECS_ENGINE_AUTH_TYPE", "dockercfg", "dockercfg"},
		"a token by name":          {"MY_TOKEN", "abc", Mask},
		"a field named so":         {"ECS_LOG_OPTS", `{"splunk-token":"x"}`, Mask},
		"an access key":            {"AWS_SECRET_ACCESS_KEY", "abc", Mask},
		"an empty secret is shown": {"MY_TOKEN", "", ""},
		"a proxy with a password":  {"HTTP_PROXY", "http://joe:s3cret@proxy:3128", "http://" + Mask + "@proxy:3128"},
		"a proxy without a scheme": {"https_proxy", "joe:s3cret@proxy:3128", Mask + "@proxy:3128"},
		"an at sign in a password": {"HTTP_PROXY", "http://joe:p@ss/w@proxy:3128", "http://" + Mask + "@proxy:3128"},
		"a proxy without one":      {"HTTP_PROXY", "http://proxy:3128", "http://proxy:3128"},
		"a URL with a password":    {"ECS_BACKEND_HOST", "https://joe:pw@host", "https://" + Mask + "@host"},
		"an at sign alone":         {"OWNER", "me@example.com", "me@example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Value(c.key, c.value); got != c.want {
				t.Errorf("Value(%q, %q) = %q, want %q", c.key, c.value, got, c.want)
			}
		})
	}
}

func TestText(t *testing.T) {
	for line, want := range map[string]string{
		"# the team's settings":          "# the team's settings",
		"# password: hunter2":            Mask,
		"# see https://joe:pw@host/wiki": "# see https://" + Mask + "@host/wiki",
	} {
		if got := Text(line); got != want {
			t.Errorf("Text(%q) = %q, want %q", line, got, want)
		}
	}
}

func TestLog(t *testing.T) {
	for line, want := range map[string]string{
		"NoCredentialProviders: no valid providers in chain": "NoCredentialProviders: no valid providers in chain",
		"proxyconnect http://joe:pw@proxy:3128: refused":     "proxyconnect http://" + Mask + "@proxy:3128: refused",
		"started with password=hunter2 and --x":              "started with password=" + Mask + " and --x",
		"AWS_SECRET_ACCESS_KEY=abc":                          "AWS_SECRET_ACCESS_KEY=" + Mask,
	} {
		if got := Log(line); got != want {
			t.Errorf("Log(%q) = %q, want %q", line, got, want)
		}
	}
}

// No password of a URL in a value remains. The password can equal text that correctly remains: "://[masked]@host", or
// text before it.
func FuzzValue(f *testing.F) {
	f.Add("HTTP_PROXY", "http://", "joe", "pw12", "host")
	f.Add("0", "0", "0", "@000", "000") // the host and its "@" equal the password
	f.Add("0", "0:", "@ ", "0000", "0") // a password without a user, after a blank
	f.Fuzz(func(t *testing.T, name, before, user, password, host string) {
		stays := before + "http://" + Mask + "@" + host
		if len(password) < 4 || strings.Contains(stays, password) {
			return
		}
		if got := Value(name, before+"http://"+user+":"+password+"@"+host); strings.Contains(got, password) {
			t.Errorf("the password %q is still in %q", password, got)
		}
	})
}
