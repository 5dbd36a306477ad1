//go:build e2e

package integration

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"muster/test/systemdtest"
)

// stackUserData returns the launch template's user data of the stack "web" in the cluster prod, as CloudFormation
// renders it.
func stackUserData(t *testing.T, musterURL, sum string) string {
	t.Helper()
	var stack struct {
		Parameters map[string]struct {
			Default string `yaml:"Default"`
		} `yaml:"Parameters"`
		Resources struct {
			LaunchTemplate struct {
				Properties struct {
					LaunchTemplateData struct {
						UserData struct {
							Sub []yaml.Node `yaml:"Fn::Base64"` // arguments of !Sub: the text and the value of ${Fetch}
						} `yaml:"UserData"`
					} `yaml:"LaunchTemplateData"`
				} `yaml:"Properties"`
			} `yaml:"LaunchTemplate"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal([]byte(fileOf(t, "../../packaging/cloudformation/stack.yaml", "", 0).Content), &stack); err != nil {
		t.Fatal(err)
	}
	sub := stack.Resources.LaunchTemplate.Properties.LaunchTemplateData.UserData.Sub
	var fetch struct {
		Fetch []string `yaml:"Fetch"` // arguments of !If: the condition, the value with a URL, the value without
	}
	if len(sub) != 2 || sub[1].Decode(&fetch) != nil || len(fetch.Fetch) != 3 || fetch.Fetch[0] != "Fetches" {
		t.Fatalf("the user data has another form: %+v", fetch)
	}
	fetches := fetch.Fetch[2]
	if musterURL != "" {
		fetches = strings.NewReplacer("${MusterUrl}", musterURL, "${MusterSha256}", sum).Replace(fetch.Fetch[1])
	}
	script := strings.NewReplacer("${Fetch}", fetches, "${Cluster}", "prod", "${AWS::StackName}", "web", "${Ports}",
		stack.Parameters["ReplicationPorts"].Default).
		Replace(sub[0].Value)
	if strings.Contains(script, "${") || len(script) > 16<<10 {
		t.Fatalf("%d bytes, or something is not put in:\n%s", len(script), script)
	}
	return script
}

func TestPackagedTheUserDataOfTheStackBootsRegistersAndSignals(t *testing.T) {
	t.Parallel()
	t.Run("from a baked package", func(t *testing.T) {
		t.Parallel()
		m := packaged(t, installed(t), image(t, inGroup()), stackUserData(t, "", ""))
		m.signaled("record of bootstrap on this instance")
	})
	t.Run("from a bare binary", func(t *testing.T) {
		t.Parallel()
		binary := fileOf(t, "../../dist/e2e/muster", "/srv/muster", 0o755)
		sum := fmt.Sprintf("%x", sha256.Sum256([]byte(binary.Content)))
		m := packaged(t, systemdtest.Image, append(image(t, inGroup()), binary), stackUserData(t, "file:///srv/muster", sum))
		m.signaled("record of bootstrap on this instance")
	})
}
