package check_test

import (
	"strings"
	"testing"

	"muster/check"
	"muster/internal/host/ecsconfig"
)

// The log lines are those of Go's net and crypto/tls packages and of the AWS SDK. The settings come from the instance's
// ecs.config.
func TestAFixNamesWhatTheInstanceHas(t *testing.T) {
	const (
		failed = "Error registering container instance: operation error ECS: RegisterContainerInstance, " +
			`request send failed, Post "https://ecs.eu-central-1.amazonaws.com/": `
		invalid = "Error registering container instance: api error UnrecognizedClientException: The security token included in the request is " +
			"invalid."
		refused = failed + "dial tcp 52.94.1.1:443: connect: connection refused"
		proxied = failed + "proxyconnect tcp: dial tcp 10.0.0.8:3128: connect: connection refused"
		keys    = "ECS_CLUSTER=prod\nAWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE\nAWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI\n"
		proxy   = "ECS_CLUSTER=prod\nhttps_proxy=http://u:hunter2@10.0.0.8:3128\nNO_PROXY=169.254.169.254,169.254.170.2,/var/run/docker.sock\n"
	)
	for name, c := range map[string]struct {
		config, line, id string
		says             []string
		not              []string
	}{
		"keys": {keys, invalid, "credentials-invalid", []string{"AWS_ACCESS_KEY_ID", "ecs.config:2", "ecs.config:3"},
			[]string{"wJalr", "associate"}},
		"no keys": {"ECS_CLUSTER=prod\n", invalid, "credentials-invalid", []string{"replace-iam-instance-profile-association"},
			[]string{"AWS_"}},
		"no proxy": {"ECS_CLUSTER=prod\n", refused, "connection-refused", []string{"52.94.1.1:443"}, []string{"proxy", "ECS_BACKEND_HOST"}},
		"backend": {"ECS_CLUSTER=prod\nECS_BACKEND_HOST=https://x.example\n", refused, "connection-refused",
			[]string{"ECS_BACKEND_HOST", "ecs.config:2"}, []string{"proxy"}},
		"a proxy": {proxy, proxied, "connection-refused", []string{"10.0.0.8:3128", "https_proxy", "ecs.config:2"},
			[]string{"hunter2", "ECS_BACKEND_HOST"}},
		"plain HTTP": {"ECS_CLUSTER=prod\n", failed + "tls: first record does not look like a TLS handshake", "agent-proxy-refused",
			[]string{"TLS"}, []string{"proxy"}},
		"IMDS": {"ECS_CLUSTER=prod\n", "Unable to communicate with EC2 Metadata service to infer region: EOF", "agent-imds-unreachable",
			[]string{"IMDS answers the host"}, []string{"--http-endpoint"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := healthy(t)
			w.write(t, ecsconfig.DefaultPath, c.config)
			w.gone(t, "error", c.line)
			for _, f := range findings(w.run(t)) {
				if f.ID != c.id {
					continue
				}
				text := f.Summary + "\n" + f.Fix.String() + "\n" + strings.Join(f.Evidence[1:], "\n")
				for _, say := range c.says {
					if !strings.Contains(text, say) {
						t.Errorf("no %q in %s", say, text)
					}
				}
				for _, not := range c.not {
					if strings.Contains(text, not) {
						t.Errorf("%q in %s", not, text)
					}
				}
				return
			}
			t.Errorf("no %s", c.id)
		})
	}
}

func findings(results []check.Result) (found []check.Finding) {
	for _, r := range results {
		found = append(found, r.Findings...)
	}
	return found
}
