package awsapi

import (
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/sys/unix"
)

// alone replaces the machine's own AWS settings with the given ones.
func alone(t *testing.T, environ map[string]string) string {
	t.Helper()
	home := t.TempDir()
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("HOME", home)
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(home, "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(home, "credentials"))
	for name, value := range environ {
		t.Setenv(name, value)
	}
	return home
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func keyOf(t *testing.T, cfg aws.Config) string {
	t.Helper()
	c, err := cfg.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c.AccessKeyID
}

func TestCredentialsAreFoundWhereTheSDKFindsThem(t *testing.T) {
	container := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "token" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = w.Write([]byte(`{"AccessKeyId":"CONTAINER","SecretAccessKey":"s","Token":"t","Expiration":"2099-01-01T00:00:00Z"}`))
	}))
	defer container.Close()
	keys := map[string]string{"AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "s"}
	for name, c := range map[string]struct {
		environ     map[string]string
		credentials string
		want        string
	}{
		"the environment first":      {keys, "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n", "ENV"},
		"then the default profile":   {nil, "[default]\naws_access_key_id=FILE\naws_secret_access_key=s\n", "FILE"},
		"or the profile that is set": {map[string]string{"AWS_PROFILE": "ops"}, "[ops]\naws_access_key_id=OPS\naws_secret_access_key=s\n", "OPS"},
		"then the container's endpoint": {map[string]string{
			"AWS_CONTAINER_CREDENTIALS_FULL_URI": container.URL, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "token"}, "", "CONTAINER"},
	} {
		t.Run(name, func(t *testing.T) {
			home := alone(t, c.environ)
			write(t, filepath.Join(home, "credentials"), c.credentials)
			cfg, err := load(t.Context(), "eu-west-1", "")
			if err != nil {
				t.Fatal(err)
			}
			if got := keyOf(t, cfg); got != c.want {
				t.Errorf("credentials of %s, want %s", got, c.want)
			}
		})
	}
}

// credentialServices responds like STS (query protocol, API reference of AssumeRole and AssumeRoleWithWebIdentity) and
// IAM Identity Center's portal (GetRoleCredentials).
func credentialServices(t *testing.T) string {
	t.Helper()
	const until = "2099-01-01T00:00:00Z"
	role := func(action, key string) string {
		return "<" + action + "Response><" + action + "Result><Credentials><AccessKeyId>" + key +
			"</AccessKeyId><SecretAccessKey>s</SecretAccessKey>" +
			"<SessionToken>t</SessionToken><Expiration>" + until + "</Expiration></Credentials></" + action + "Result></" + action + "Response>"
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		switch {
		case r.Form.Get("Action") == "AssumeRole" && r.Form.Get("RoleArn") == "arn:aws:iam::123456789012:role/r" &&
			strings.Contains(r.Header.Get("Authorization"), "Credential=BASE/"):
			_, _ = io.WriteString(w, role("AssumeRole", "ASSUMED"))
		case r.Form.Get("Action") == "AssumeRoleWithWebIdentity" && r.Form.Get("WebIdentityToken") == "jwt":
			_, _ = io.WriteString(w, role("AssumeRoleWithWebIdentity", "WEB"))
		case r.URL.Path == "/federation/credentials" && r.Header.Get("X-Amz-Sso_bearer_token") == "bearer":
			_, _ = io.WriteString(
				w,
				`{"roleCredentials":{"accessKeyId":"SSO","secretAccessKey":"s","sessionToken":"t","expiration":4070908800000}}`,
			)
		default:
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestEveryKindOfProfileOfTheAWSCLIWorks(t *testing.T) {
	url := credentialServices(t)
	for name, c := range map[string]struct {
		files   map[string]string // below the home directory
		environ map[string]string
		want    string
	}{
		"assume-role with the keys of another profile": {map[string]string{
			"config":      "[profile ops]\nrole_arn=arn:aws:iam::123456789012:role/r\nsource_profile=base\n",
			"credentials": "[base]\naws_access_key_id=BASE\naws_secret_access_key=s\n",
		}, nil, "ASSUMED"},
		"keys of the environment, which outrank the profile": {map[string]string{
			"config": "[profile ops]\nrole_arn=arn:aws:iam::123456789012:role/r\ncredential_source=Environment\n",
		}, map[string]string{"AWS_ACCESS_KEY_ID": "BASE", "AWS_SECRET_ACCESS_KEY": "s"}, "BASE"},
		"single sign-on": {map[string]string{
			"config": "[profile ops]\nsso_account_id=123456789012\nsso_role_name=r\nsso_start_url=https://example.awsapps.com/" +
				"start\nsso_region=eu-west-1\n",
			// `aws sso login` names the file by the SHA-1 of the start URL.
			".aws/sso/cache/e8be5486177c5b5392bd9aa76563515b29358e6e.json": `{"startUrl":"https://example.awsapps.com/start",` +
				`"region":"eu-west-1","accessToken":"bearer","expiresAt":"2099-01-01T00:00:00Z"}`,
		}, nil, "SSO"},
		"a process": {map[string]string{
			"config": "[profile ops]\ncredential_process=/bin/echo '{\"Version\":1,\"AccessKeyId\":\"PROCESS\",\"SecretAccessKey\":\"s\"}'\n",
		}, nil, "PROCESS"},
		"a web identity": {map[string]string{"token": "jwt"},
			map[string]string{"AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/r", "AWS_WEB_IDENTITY_TOKEN_FILE": "token", "AWS_PROFILE": ""}, "WEB"},
	} {
		t.Run(name, func(t *testing.T) {
			home := alone(t, map[string]string{"AWS_PROFILE": "ops", "AWS_ENDPOINT_URL_STS": url, "AWS_ENDPOINT_URL_SSO": url})
			for name, value := range c.environ {
				t.Setenv(name, value)
			}
			for name, text := range c.files {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(home, name)), 0o700); err != nil {
					t.Fatal(err)
				}
				write(t, filepath.Join(home, name), text)
			}
			if os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE") != "" {
				t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", filepath.Join(home, "token"))
			}
			cfg, err := load(t.Context(), "eu-west-1", "")
			if err != nil {
				t.Fatal(err)
			}
			if got := keyOf(t, cfg); got != c.want {
				t.Errorf("credentials of %s, want %s", got, c.want)
			}
		})
	}
}

func TestMissingConfiguredFilesAreErrors(t *testing.T) {
	for name, c := range map[string]struct {
		environ map[string]string
		says    string
	}{
		"a profile":   {map[string]string{"AWS_PROFILE": "nobody"}, "nobody"},
		"a CA bundle": {map[string]string{"AWS_CA_BUNDLE": "/nonexistent/ca.pem"}, "AWS_CA_BUNDLE"},
	} {
		t.Run(name, func(t *testing.T) {
			alone(t, c.environ)
			if _, err := New(t.Context(), "eu-west-1", ""); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want %q", err, c.says)
			}
		})
	}
	home := alone(t, nil)
	write(t, filepath.Join(home, "empty.pem"), "no certificate\n")
	t.Setenv("AWS_CA_BUNDLE", filepath.Join(home, "empty.pem"))
	if _, err := New(t.Context(), "eu-west-1", ""); err == nil || !strings.Contains(err.Error(), filepath.Join(home, "empty.pem")) {
		t.Errorf("an empty bundle: %v", err)
	}
}

func TestTheCABundleIsTrustedAloneAndEndpointsAreHonoured(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = w.Write([]byte(`{"clusters":[{"clusterName":"prod","status":"ACTIVE"}]}`))
	}))
	defer server.Close()
	home := alone(t, map[string]string{"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_ENDPOINT_URL_ECS": server.URL})
	bundle := filepath.Join(home, "ca.pem")
	write(t, bundle, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	t.Setenv("AWS_CA_BUNDLE", bundle)
	c, err := New(t.Context(), "eu-west-1", "")
	if err != nil {
		t.Fatal(err)
	}
	if status, err := c.ClusterStatus(t.Context(), "prod"); status != "ACTIVE" || err != nil {
		t.Errorf("status %q, %v", status, err)
	}
	server.CloseClientConnections()
}

func TestEnvironmentsRegionIsTheDefault(t *testing.T) {
	alone(t, map[string]string{"AWS_REGION": "eu-north-1", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"})
	for given, want := range map[string]string{"": "eu-north-1", "eu-west-1": "eu-west-1"} {
		c, err := New(t.Context(), given, "")
		if err != nil || c.Region() != want {
			t.Errorf("New(%q): region %q, %v; want %q", given, c.Region(), err, want)
		}
	}
}

// A pipe would block the SDK, and a profile that another user can change could make root run any program
// (credential_process).
func TestFilesOfAHomeDirectoryThatOthersCanChange(t *testing.T) {
	for name, c := range map[string]struct {
		euid  int
		named bool // the environment names the file
		pipe  bool
		left  string
	}{
		"a user's own":                   {euid: 1000},
		"a user's, as root":              {left: "muster runs as root, and "},
		"a user's, as root, named":       {named: true},
		"a pipe":                         {euid: 1000, pipe: true, left: "not a regular file"},
		"a pipe, named: <(...) is one":   {euid: 1000, pipe: true, named: true},
		"a pipe, as root, is never open": {pipe: true, left: "not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			home := alone(t, map[string]string{"AWS_CONFIG_FILE": "", "AWS_SHARED_CREDENTIALS_FILE": ""})
			if err := os.Chmod(home, 0o777); err != nil { // independent of the user that runs this test
				t.Fatal(err)
			}
			path := filepath.Join(home, ".aws", "config")
			if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if c.pipe {
				if err := unix.Mkfifo(path, 0o644); err != nil {
					t.Fatal(err)
				}
			} else {
				write(t, path, "[default]\n")
			}
			if c.named {
				t.Setenv("AWS_CONFIG_FILE", path)
			}
			got := homeFiles(c.euid)
			if (got.config != nil) != (c.left != "") || len(got.config) > 0 || !strings.Contains(got.left, c.left) ||
				c.left == "" && got.left != "" {
				t.Errorf("%+v", got)
			}
		})
	}
}
