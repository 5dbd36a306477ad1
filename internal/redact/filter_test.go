package redact_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"muster/internal/redact"
	"muster/test/redacttest"
)

func assertGone(t *testing.T, s redacttest.Secret, text string) {
	t.Helper()
	for _, part := range s.Parts {
		for _, form := range []string{part, base64.StdEncoding.EncodeToString([]byte(part))} {
			if strings.Contains(text, form) {
				t.Errorf("%s: %q is still in %q", s.Kind, form, text)
			}
		}
	}
}

func TestEverySecretIsMasked(t *testing.T) {
	for _, s := range redacttest.Secrets(216) { // four of each kind
		assertGone(t, s, redact.Log(s.Text))
		inJSON, err := json.Marshal(map[string]any{"evidence": []string{s.Text}, "msg": s.Text})
		if err != nil {
			t.Fatal(err)
		}
		masked := new(redact.Filter).JSON(inJSON)
		assertGone(t, s, string(masked))
		if !json.Valid(masked) {
			t.Errorf("%s: no longer valid JSON: %s", s.Kind, masked)
		}
		assertGone(t, s, redact.Log(string(inJSON)))
		assertGone(t, s, redact.Log(`level=error time=2026-01-02T03:04:05Z msg="`+strings.ReplaceAll(strings.ReplaceAll(s.Text, `"`, `\"`), "\n",
			`\n`)+`" module=x.go`))
		if strings.Contains(s.Text, "|\n") {
			continue // only the indentation shows what a YAML line belongs to
		}
		assertGone(t, s, redact.Log("2026-01-02T03:04:05Z host cloud-init[812]: "+strings.ReplaceAll(s.Text, "\n", "\nhost: ")))
	}
}

// Names and identifiers that a reader needs must not be masked.
func TestIdentifiersAreNotMasked(t *testing.T) {
	for _, line := range []string{
		`level=info time=2026-01-02T03:04:05Z msg="Registered container instance with cluster!" cluster="prod" ` +
			`instanceArn="arn:aws:ecs:eu-west-1:123456789012:container-instance/prod/0123456789abcdef0123456789abcdef"`,
		`level=error time=2026-01-02T03:04:05Z msg="Unable to register as a container instance with ECS" error="NoCredentialProviders: no ` +
			`valid providers in chain. Deprecated."`,
		`level=error time=2026-01-02T03:04:05Z msg="Error getting credentials" error="failed to refresh cached credentials, no EC2 IMDS role ` +
			`found, operation error ec2imds: GetMetadata, http response error StatusCode: 404, request to EC2 IMDS failed"`,
		`ExpiredTokenException: The security token included in the request is expired`,
		`UnrecognizedClientException: The security token included in the request is invalid, request id: 0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f`,
		`AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/ecsInstanceRole/i-0123456789abcdef0 is not authorized to ` +
			`perform: ecs:RegisterContainerInstance on resource: arn:aws:ecs:eu-west-1:123456789012:cluster/prod`,
		`operation error ECS: RegisterContainerInstance, https response error StatusCode: 400, ClientException: Cluster not found.`,
		`fetching token: RequestCanceled: context deadline exceeded`,
		`asking for a token: connection refused`,
		"i-0123456789abcdef0 eni-0123456789abcdef0 sg-0123456789abcdef0 subnet-0123456789abcdef0 ami-0123456789abcdef0",
		"container 4f5e6d7c8b9a0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796 exited with 137",
		"4f5e6d7c8b9a0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796",
		"123456789012.dkr.ecr.eu-west-1.amazonaws.com/app@sha256:4f5e6d7c8b9a0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796",
		"https://registry.example:5000/app:1.2@sha256:4f5e6d7c8b9a0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796",
		"aws iam attach-role-policy --role-name ecsInstanceRole --policy-arn " +
			"arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role",
		"arn:aws:ecs:eu-west-1:123456789012:task/Qa/0123456789abcdef0123456789abcdef",
		"arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/Production1/0123456789abcdef",
		"/var/lib/docker/overlay2/4f5e6d7c8b9a0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796/merged",
		"/tmp/TestVerifyFails123456/001/etc/ecs/x", "/srv/Data1/TheReplicatedCacheOfOrders2026/volumes/000001", // 40 characters, and more than 56
		"ecs-MyServiceDefinition-ABCDEFGHIJKLM-12-TheWebContainerWithALongName-a0b1c2d3e4f5a6b7c801",
		"commit da39a3ee5e6b4b0d3255bfef95601890afd80709",
		"Agent exited with code 5; 3 checks passed, 1 failed", "passed: 3", "ECS_ENGINE_AUTH_TYPE=dockercfg", "ECS_RESERVED_MEMORY=256",
		"https://ecs-a-1.eu-west-1.amazonaws.com/ws?agentHash=8dfceca6&agentVersion=1.105.1&seqNum=1",
		"dial tcp 10.0.0.1:443: i/o timeout", "tcp 47100-47199 from sg-cache", "me@example.com wrote this", "basic authentication is off",
		"RegisterContainerInstance DescribeContainerInstances DiscoverPollEndpoint UpdateContainerInstancesState SubmitTaskStateChange",
		"aws ec2 authorize-security-group-ingress --group-id sg-batch --ip-permissions " +
			"'IpProtocol=tcp,FromPort=47500,ToPort=47599,UserIdGroupPairs=[{GroupId=sg-cache}]'",
		"aws ecs describe-clusters --clusters prod --region eu-west-1", "journalctl -u ecs -n 50", "journalctl -u docker: see there",
		`TOKEN=$(curl -sX PUT http://169.254.169.254/latest/api/token -H "X-aws-ec2-metadata-token-ttl-seconds: 60")`,
		`curl -H "X-aws-ec2-metadata-token: $TOKEN" http://169.254.169.254/latest/meta-data/iam/info`,
		`cannot copy "app" "registry.example/team/app:1.2"`, `joined "web" "ip-10-0-0-1.eu-west-1.compute.internal"`, `renamed "eth0" "ens5"`,
		`10.0.0.1 - - "GET / HTTP/1.1" 200 612 "-" "curl/8.5.0"`, `link "web" "container-0123456789abcdef"`, `set "region" "eu-west-1": done`,
		"Redis is in protected mode, see the requirepass option", "a replica needs masterauth instead", "cat x | name | sort",
	} {
		if got := redact.Log(line); got != line {
			t.Errorf("%q\nbecame %q", line, got)
		}
	}
}

// Paths are not masked, but keys with slashes are.
func TestSecretKeysWithSlashesAreMasked(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 2))
	for range 20_000 {
		key := []byte("aB3")
		for len(key) < 40 {
			key = append(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+////////////"[random.IntN(75)])
		}
		if got := redact.Log(string(key)); strings.Contains(got, string(key)) {
			t.Fatalf("%s became %s", key, got)
		}
	}
}

func TestMaskNextToASlash(t *testing.T) {
	for name, text := range map[string]string{
		"text in base64":             "dXNlcjp4V3VYQnpRMTNnMlE3/web",
		"a long token before an id":  "/hooks/aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5/0123456789abcdef",
		"a long token among folders": "/srv/app/data/aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5hJ7/Words",
	} {
		if got := redact.Log(text + " is unhealthy"); got != "[masked] is unhealthy" {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestRulesAreCounted(t *testing.T) {
	var f redact.Filter
	f.Text("a AKIAIOSFODNN7EXAMPLE b AKIAIOSFODNN7EXAMPLE\npassword=x1\n-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\nafter")
	want := map[string]int{"aws-access-key": 2, "named-secret": 1, "private-key": 3}
	known := map[string]bool{redact.LongLine: true}
	for _, r := range redact.Rules() {
		known[r.ID] = true
	}
	for id, n := range want {
		if f.Hits[id] != n || !known[id] {
			t.Errorf("%s: %d hits, want %d; is a rule: %v", id, f.Hits[id], n, known[id])
		}
	}
}

func TestJSONKeepsItsShape(t *testing.T) {
	in := `{"z": 1, "a": ["x", "http://joe:pw@h/"], "my_token": "abc", "tokens": 3, "password" :"", "d": {"e\"": "f"}}`
	want := `{"z": 1, "a": ["x", "http://[masked]@h/"], "my_token": "[masked]", "tokens": 3, "password" :"", "d": {"e\"": "f"}}`
	if got := string(new(redact.Filter).JSON([]byte(in))); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// endless is a log of n bytes without a line ending. It counts the bytes held in memory.
type endless struct{ n int }

func (e *endless) Read(p []byte) (int, error) {
	if e.n == 0 {
		return 0, io.EOF
	}
	n := min(e.n, len(p))
	copy(p, bytes.Repeat([]byte("\xffab"), n/3+1))
	e.n -= n
	return n, nil
}

func TestEndlessLineIsTruncated(t *testing.T) {
	var out bytes.Buffer
	var f redact.Filter
	if err := f.Copy(&out, &endless{64 << 20}); err != nil {
		t.Fatal(err)
	}
	if out.Len() > 64<<10 || f.Hits[redact.LongLine] != 1 || !strings.HasSuffix(out.String(), "[cut: a line of more than 64 KiB]") {
		t.Errorf("%d bytes, %v", out.Len(), f.Hits)
	}
}

func TestCopyKeepsLinesAndLineEndings(t *testing.T) {
	for in, want := range map[string]string{
		"":                        "",
		"a\nb":                    "a\nb",
		"a\r\nb\n":                "a\nb\n",
		"\x1b[31mred\x00\xff\n\n": " [31mred ?\n\n",
		"KEY_TOKEN=a\\\nbc\nd":    "KEY_TOKEN=[masked]\n[masked]\nd",
	} {
		var out strings.Builder
		if err := new(redact.Filter).Copy(&out, strings.NewReader(in)); err != nil || out.String() != want {
			t.Errorf("%q: got %q (%v), want %q", in, out.String(), err, want)
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, s := range redacttest.Secrets(54) {
		f.Add(s.Text)
	}
	for i, s := range redacttest.Corpus() {
		if i%5 == 0 {
			f.Add(s.Text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		once := redact.Log(text)
		if twice := redact.Log(once); twice != once {
			t.Errorf("%q became %q, then %q", text, once, twice)
		}
		if strings.Count(once, "\n") != strings.Count(text, "\n") {
			t.Errorf("the lines of %q changed: %q", text, once)
		}
		var copied bytes.Buffer
		if err := new(redact.Filter).Copy(&copied, strings.NewReader(text)); err != nil ||
			strings.Count(copied.String(), "\n") != strings.Count(text, "\n") {
			t.Errorf("copying %q: %q, %v", text, copied.String(), err)
		}
		quoted, _ := json.Marshal(text)
		masked := new(redact.Filter).JSON(quoted)
		if !json.Valid(masked) {
			t.Errorf("%s became %s", quoted, masked)
		}
		if twice := new(redact.Filter).JSON(masked); !bytes.Equal(twice, masked) {
			t.Errorf("%s became %s, then %s", quoted, masked, twice)
		}
	})
}
