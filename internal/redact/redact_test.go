package redact

import (
	"strings"
	"testing"
)

func TestValue(t *testing.T) {
	for name, c := range map[string]struct{ key, value, want string }{
		"an ordinary value":        {"ECS_CLUSTER", "prod", "prod"},
		"registry passwords":       {"ECS_ENGINE_AUTH_DATA", `{"r":{"password":"x"}}`, Mask},
		"the type of them is none": {"ECS_ENGINE_AUTH_TYPE", "dockercfg", "dockercfg"},
		"a token by name":          {"MY_TOKEN", "abc", Mask},
		"an access key":            {"AWS_SECRET_ACCESS_KEY", "abc", Mask},
		"an empty secret is shown": {"MY_TOKEN", "", ""},
		"a proxy with a password":  {"HTTP_PROXY", "http://joe:s3cret@proxy:3128", "http://joe:" + Mask + "@proxy:3128"},
		"a proxy without a scheme": {"HTTP_PROXY", "joe:s3cret@proxy:3128", "joe:" + Mask + "@proxy:3128"},
		"a proxy without one":      {"HTTP_PROXY", "http://proxy:3128", "http://proxy:3128"},
		"an at sign alone":         {"OWNER", "me@example.com", "me@example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Value(c.key, c.value); got != c.want {
				t.Errorf("Value(%q, %q) = %q, want %q", c.key, c.value, got, c.want)
			}
		})
	}
}

func FuzzURLs(f *testing.F) {
	f.Add("http://", "joe", "pw", "host")
	f.Fuzz(func(t *testing.T, before, user, password, host string) {
		if len(password) < 4 || user == "" || strings.ContainsAny(user+password, " \t\n\r\v\f/:@\"\u0085\u00a0") || strings.Contains(Mask+before+user+host, password) {
			return
		}
		if got := URLs(before + "http://" + user + ":" + password + "@" + host); strings.Contains(got, password) {
			t.Errorf("the password %q is still in %q", password, got)
		}
	})
}
