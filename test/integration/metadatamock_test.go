//go:build integration

package integration

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"muster/bootstrap/bootreport"
	"muster/test/need"
)

// mockModule is AWS's own mock of the metadata service.
const mockModule = "github.com/aws/amazon-ec2-metadata-mock/cmd/ec2-metadata-mock@v1.13.0"

// buildMock compiles the mock with Go, which may have to download it.
func buildMock(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("go", "install", mockModule)
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		need.Missing(t, mockModule+": "+lines[len(lines)-1])
	}
	return filepath.Join(dir, "ec2-metadata-mock")
}

// metadataMock starts the mock with IMDSv2 only, for an instance with these tags (the mock supports two). It returns
// the mock's URL and the identity document.
func metadataMock(t *testing.T, program, instance string, tags map[string]string, args ...string) (url, document string) {
	t.Helper()
	identity := map[string]any{
		"accountId": "123456789012", "instanceId": instance, "region": region, "availabilityZone": region + "a",
		"instanceType": "m5.large", "imageId": "ami-12c6146b",
	}
	paths, values := map[string]any{}, map[string]any{
		// The mock's default credentials expired in 2020.
		"iam-security-credentials": map[string]any{"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "AKIDMOCK",
			"SecretAccessKey": "mock", "Token": "mock", "LastUpdated": "2020-04-02T18:50:40Z", "Expiration": "2099-01-01T00:00:00Z"},
	}
	slots := []string{"tags-instance-name", "tags-instance-test"}
	for key, value := range tags {
		paths[slots[0]], values[slots[0]] = "/latest/meta-data/tags/instance/"+key, value
		slots = slots[1:]
	}
	config, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"paths": paths, "values": values},
		"dynamic":  map[string]any{"values": map[string]any{"instance-identity-document": identity}},
	})
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	file := filepath.Join(home, "aemm-config.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	addr, port := need.FreeAddress(t)
	// The target lifecycle state is InService for an hour, then Terminated.
	args = append([]string{"asglifecycle", "--asg-termination-delay-sec", "3600", "-I", "-n", "127.0.0.1", "-p", port, "-c", file}, args...)
	cmd := exec.Command(program, args...)
	cmd.Env = []string{"HOME=" + home}
	need.Server(t, addr, cmd)
	text, _ := json.Marshal(identity) // a map of strings always encodes
	return "http://" + addr, string(text)
}

func TestAgainstTheMetadataMock(t *testing.T) {
	program := buildMock(t)
	const instance = "i-0a0b0c0d0e0f01020"
	world := func(url string) []string {
		return []string{"AWS_EC2_METADATA_SERVICE_ENDPOINT=" + url, "AWS_ENDPOINT_URL=http://127.0.0.1:1"}
	}
	t.Run("the identity and a tag are read by IMDSv2", func(t *testing.T) {
		url, _ := metadataMock(t, program, instance, map[string]string{"muster:cluster": "prod"})
		h := newHost(t, world(url)...)
		r := h.muster(t, "bootstrap", "--dry-run")
		r.want(
			t,
			0,
			instance+" (m5.large) in eu-central-1a, account 123456789012",
			"prod, from instance tag muster:cluster",
			"not confirmed",
		)
		if !strings.Contains(r.stdout, "+ECS_CLUSTER=prod") {
			t.Error("no diff")
		}
		if got := h.file(t, "etc/ecs/ecs.config"); got != "" {
			t.Errorf("a dry run wrote %q", got)
		}
	})
	t.Run("a missing tag outside of a group names no cluster", func(t *testing.T) {
		// An instance without Auto Scaling has no target-lifecycle-state.
		url, _ := metadataMock(t, program, instance, nil, "--mock-ip-count", "0")
		newHost(
			t,
			world(url)...).muster(t, "bootstrap").
			want(t, 78, "instance tag muster:cluster is not in the metadata", "in no Auto Scaling group")
	})
	t.Run("a service that goes away is named", func(t *testing.T) {
		h := newHost(t, append(world("http://127.0.0.1:1"), "MUSTER_IMDS_TIMEOUT=2s")...)
		h.muster(t, "bootstrap", "--cluster", "prod").want(t, 3, "http://127.0.0.1:1")
	})
}

// Only muster is this project's code here. The AWS APIs and the metadata service are other people's mocks.
func TestAgainstMotoAndTheMetadataMock(t *testing.T) {
	program := buildMock(t)
	m := newMoto(t)
	url, document := metadataMock(t, program, m.instance, map[string]string{"aws:autoscaling:groupName": group})
	arn := m.register(t, "prod", document)
	h := newHost(t, "AWS_EC2_METADATA_SERVICE_ENDPOINT="+url, "AWS_ENDPOINT_URL="+m.url,
		"MUSTER_INTROSPECTION_URL="+introspection(t, "prod", arn))
	h.muster(t, "bootstrap").want(t, 0, "prod, from tag muster:cluster of Auto Scaling group workers")
	r := h.muster(t, "verify", "--output", "json")
	r.want(t, 0)
	if report := r.report(t); report.Outcome != bootreport.Registered || !report.Confirmed || report.AWSCalls != 1 {
		t.Errorf("%+v", report)
	}
	h.muster(t, "bootstrap", "--cluster", "stagign").want(t, 78, "did you mean staging")
}
