//go:build e2e

package integration

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"muster/test/systemdtest"
)

// recipe describes how an image is baked: scripts that run on the builder, each in its own shell, and then one script
// that runs on an instance of the image.
type recipe struct {
	shell       []string
	bake, after []string
}

const recipes = "../../packaging/ami/"

// imageBuilder returns the scripts that TOE runs for the component. Each step's commands are one script. The download
// step is left out.
func imageBuilder(t *testing.T) recipe {
	t.Helper()
	var component struct {
		Phases []struct {
			Name  string
			Steps []struct {
				Action string
				Inputs yaml.Node
			}
		}
	}
	if err := yaml.Unmarshal([]byte(fileOf(t, recipes+"image-builder.yaml", "", 0).Content), &component); err != nil {
		t.Fatal(err)
	}
	r := recipe{shell: []string{"bash", "-c"}}
	for _, phase := range component.Phases {
		for _, step := range phase.Steps {
			if step.Action != "ExecuteBash" {
				continue
			}
			var inputs struct{ Commands []string }
			if err := step.Inputs.Decode(&inputs); err != nil {
				t.Fatal(err)
			}
			script := strings.Join(inputs.Commands, "\n")
			if phase.Name == "test" {
				r.after = append(r.after, script)
			} else {
				r.bake = append(r.bake, script)
			}
		}
	}
	return r
}

// packer returns the scripts that Packer runs for the template. The lines of inline are one script, run with Packer's
// default shebang, /bin/sh -e. The upload is left out.
func packer(t *testing.T) recipe {
	t.Helper()
	r := recipe{shell: []string{"/bin/sh", "-e", "-c"}, after: []string{"muster check --only imds"}}
	sum := sha256.Sum256([]byte(fileOf(t, filepath.Join("../../dist/e2e", rpmFormat().file(olderVersion)), "", 0).Content))
	template := strings.ReplaceAll(fileOf(t, recipes+"muster.pkr.hcl", "", 0).Content, "${var.package_sha256}", hex.EncodeToString(sum[:]))
	for _, inline := range regexp.MustCompile(`(?s)inline = \[(.*?)\n    \]`).FindAllStringSubmatch(template, -1) {
		var lines []string
		for _, line := range regexp.MustCompile(`(?m)^\s*"(.*)",$`).FindAllStringSubmatch(inline[1], -1) {
			lines = append(lines, line[1])
		}
		r.bake = append(r.bake, strings.Join(lines, "\n"))
	}
	return r
}

func TestPackagedTheImageRecipesBakeAnImageThatJoinsByItsTag(t *testing.T) {
	t.Parallel()
	for name, read := range map[string]func(*testing.T) recipe{"Image Builder": imageBuilder, "Packer": packer} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			recipe := read(t)
			if len(recipe.bake) == 0 || len(recipe.after) == 0 {
				t.Fatalf("%+v", recipe)
			}
			options := inGroup()
			options.InstanceTags = map[string]string{"muster:cluster": "prod"}
			m := packaged(t, recipe.bakes(t), image(t, options, signalSettings()...), "")
			m.signaled("instance tag muster:cluster")
			for _, script := range recipe.after {
				m.Run(append(recipe.shell, script)...)
			}
		})
	}
}

// bakes runs the recipe on an instance that has already booted, as a stock AMI has when a builder starts, and returns
// the image. rpm replaces dnf here.
func (r recipe) bakes(t *testing.T) string {
	t.Helper()
	const dnf = "#!/bin/sh\n[ \"$1 $2\" = 'install -y' ] && exec rpm --install --nodeps --force-debian \"$3\"\nexit 1\n"
	files := append(rpmTools(t), systemdtest.File{Path: "/usr/bin/dnf", Mode: 0o755, Content: dnf},
		systemdtest.File{Path: "/usr/bin/sudo", Mode: 0o755, Content: "#!/bin/sh\nexec \"$@\"\n"},
		systemdtest.File{Path: "/etc/ecs/ecs.config", Mode: 0o600, Content: "ECS_CLUSTER=default\n"})
	options := inGroup()
	options.Clusters = append(options.Clusters, "default") // or the ECS agent exits, at the end of the boot or before
	m := packaged(t, systemdtest.Image, append(files, image(t, options)...), "#!/bin/sh\necho used\n")
	m.settle("running")
	m.Put(fileOf(t, filepath.Join("../../dist/e2e", rpmFormat().file(olderVersion)), "/tmp/muster.rpm", 0o644))
	for _, script := range r.bake {
		m.Run(append(r.shell, script)...)
	}
	return m.Snapshot()
}
