package ecsconfig

import (
	"strings"
	"testing"
)

func TestDiffShowsTheChange(t *testing.T) {
	got := Diff("/etc/ecs/ecs.config", []byte("# mine\nA=1\nECS_CLUSTER=test"), []byte("# mine\nA=1\nECS_CLUSTER=prod\n"))
	want := `diff /etc/ecs/ecs.config /etc/ecs/ecs.config
--- /etc/ecs/ecs.config
+++ /etc/ecs/ecs.config
@@ -1,3 +1,3 @@
 # mine
 A=1
-ECS_CLUSTER=test
\ No newline at end of file
+ECS_CLUSTER=prod
`
	if got != want {
		t.Errorf("got\n%s", got)
	}
	if got := Diff("p", []byte("A=1\n"), []byte("A=1\n")); got != "" {
		t.Errorf("no change gives %q", got)
	}
}

func TestDiffMasks(t *testing.T) {
	tests := map[string]struct{ line, want string }{
		"registry credentials":      {`ECS_ENGINE_AUTH_DATA={"https://r":{"password":"hunter2"}}`, "ECS_ENGINE_AUTH_DATA=[masked]"},
		"a secret key":              {"AWS_SECRET_ACCESS_KEY=hunter2", "AWS_SECRET_ACCESS_KEY=[masked]"},
		"a session token":           {"AWS_SESSION_TOKEN=hunter2", "AWS_SESSION_TOKEN=[masked]"},
		"a password":                {"db_password=hunter2", "db_password=[masked]"},
		"a key":                     {"DD_API_KEY=hunter2", "DD_API_KEY=[masked]"},
		"a misread one":             {`  export ECS_ENGINE_AUTH_DATA = "hunter2"`, "  export ECS_ENGINE_AUTH_DATA =[masked]"},
		"a marked one":              {"\ufeffMY_TOKEN=hunter2", "\ufeffMY_TOKEN=[masked]"},
		"one commented out":         {"#ECS_ENGINE_AUTH_DATA=hunter2", "#ECS_ENGINE_AUTH_DATA=[masked]"},
		"one in a comment":          {"# the password is hunter2", "[masked]"},
		"a field within JSON":       {`ECS_LOG_OPTS={"splunk-token":"hunter2"}`, "ECS_LOG_OPTS=[masked]"},
		"a proxy's user":            {"HTTP_PROXY=http://me:hunter2@10.0.0.1:3128", "HTTP_PROXY=http://[masked]@10.0.0.1:3128"},
		"a proxy without a scheme":  {"https_proxy=me:hunter2@proxy:3128", "https_proxy=[masked]@proxy:3128"},
		"a password with / and @":   {"HTTP_PROXY=http://me:a/hunter2@b@proxy", "HTTP_PROXY=http://[masked]@proxy"},
		"a URL in another value":    {"X_URL=see https://me:hunter2@h/", "X_URL=see https://[masked]@h/"},
		"a URL in a comment":        {"# via http://me:hunter2@h", "# via http://[masked]@h"},
		"a line of unclear meaning": {"docker login -u me -p hunter2", "[masked]"},
		"two lines in one":          {"A=1\rECS_ENGINE_AUTH_DATA=hunter2", "A=[masked]"},
		"nothing secret":            {"ECS_CLUSTER=token-service", "ECS_CLUSTER=token-service"},
		"a proxy without a user":    {"HTTP_PROXY=10.0.0.131:3128", "HTTP_PROXY=10.0.0.131:3128"},
		"an ARN": {
			"ECS_CLUSTER=arn:aws:ecs:eu-west-1:123456789012:cluster/p",
			"ECS_CLUSTER=arn:aws:ecs:eu-west-1:123456789012:cluster/p",
		},
		"plain JSON":      {`ECS_CONTAINER_INSTANCE_TAGS={"tag_key":"v"}`, `ECS_CONTAINER_INSTANCE_TAGS={"tag_key":"v"}`},
		"an empty secret": {"ECS_ENGINE_AUTH_DATA=", "ECS_ENGINE_AUTH_DATA="},
		"a comment":       {"# my settings", "# my settings"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			added := Diff("p", nil, []byte(test.line+"\n"))
			if !strings.HasSuffix(added, "@@\n+"+test.want+"\n") {
				t.Errorf("added:\n%s", added)
			}
			context := Diff("p", []byte(test.line+"\n"), []byte(test.line+"\nB=1\n"))
			if !strings.Contains(context, "\n "+test.want+"\n") {
				t.Errorf("as context:\n%s", context)
			}
		})
	}
}

func TestDiffShowsThatASecretChanged(t *testing.T) {
	got := Diff("p", []byte("ECS_ENGINE_AUTH_DATA=hunter1\n"), []byte("ECS_ENGINE_AUTH_DATA=hunter2\n"))
	if !strings.HasSuffix(got, "@@ -1,1 +1,1 @@\n-ECS_ENGINE_AUTH_DATA=[masked]\n+ECS_ENGINE_AUTH_DATA=[masked]\n") {
		t.Error(got)
	}
}

// The broken line is outside the hunk, so only the whole file shows what its continuation is.
func TestDiffMasksTheRestOfABrokenLine(t *testing.T) {
	old := "ECS_ENGINE_AUTH_DATA={\\\r\nhunter2=\nA=1\n"
	if got := Diff("p", []byte(old), []byte(old+"B=1\n")); strings.Contains(got, "hunter2") || !strings.Contains(got, " A=1\n+B=1\n") {
		t.Error(got)
	}
}

func FuzzDiff(f *testing.F) {
	f.Add([]byte("A=1\n"), []byte("\nB=2"), uint8(0))
	f.Add([]byte("A=\\\n"), []byte("\n--- p"), uint8(3))
	f.Fuzz(func(t *testing.T, above, below []byte, form uint8) {
		const secret = "q7ZhunterZ2"
		forms := []string{
			"ECS_ENGINE_AUTH_DATA=", "export MY_TOKEN = '", "#DB_PASSWORD=", "HTTP_PROXY=http://u:", "docker login ",
			"\ufeffX_SECRET=\"", `ECS_LOG_OPTS={"splunk-token":"`, "ECS_ENGINE_AUTH_DATA=\\\n",
		}
		line := "\n" + forms[int(form)%len(forms)] + secret + "@h"
		old := append(append([]byte{}, above...), below...)
		new := append(append(append([]byte{}, above...), line...), below...)
		for _, shown := range []string{Diff("p", old, new), Diff("p", new, old), Diff("p", new, append(new, "\nB=1\n"...))} {
			if shown == "" || strings.Contains(shown, secret) {
				t.Fatal(shown)
			}
		}
	})
}
