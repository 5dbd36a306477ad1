package check_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"muster/check"
	"muster/check/catalog"
	"muster/internal/config"
)

// tree writes files below a new root.
func tree(t *testing.T, files map[string]string) (root string) {
	t.Helper()
	root = t.TempDir()
	for path, text := range files {
		if err := os.MkdirAll(filepath.Dir(root+path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(root+path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// bootstrapFinding runs the check bootstrap on the files below root.
func bootstrapFinding(t *testing.T, root string) check.Finding {
	t.Helper()
	cfg, err := config.Load(config.Set{Flags: map[string]string{"MUSTER_ROOT": root}})
	if err != nil {
		t.Fatal(err)
	}
	checks, err := check.Select(catalog.Checks(catalog.World{Config: cfg}), []string{"bootstrap"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return check.Run(t.Context(), checks)[0].Findings[0]
}

func TestFilesThatRootObeysMustBeRootsAlone(t *testing.T) {
	type change struct {
		path string
		mode os.FileMode
	}
	const unit = "/etc/systemd/system/muster-agent.service"
	for name, c := range map[string]struct {
		changes  []change
		evidence []string // nil means no warning
		commands []string
	}{
		"as they should be":       {nil, nil, nil},
		"readable by root alone":  {[]change{{"/etc/ecs/ecs.config", 0o600}, {"/etc/muster/muster.env", 0o640}}, nil, nil},
		"a log that others write": {[]change{{"/var/log/ecs/ecs-agent.log", 0o666}}, nil, nil}, // root does not trust a log
		"settings of a group": {[]change{{"/etc/muster/muster.env", 0o664}},
			[]string{"/etc/muster/muster.env can be written by its group or through an ACL (mode 0664)"},
			[]string{"sudo chmod go-w /etc/muster/muster.env"}},
		"ecs.config open to all": {[]change{{"/etc/ecs/ecs.config", 0o666}},
			[]string{"/etc/ecs/ecs.config can be written by every user (mode 0666)"}, []string{"sudo chmod go-w /etc/ecs/ecs.config"}},
		"its directory open to all": {[]change{{"/etc/ecs", 0o777}},
			[]string{"/etc/ecs/ecs.config: /etc/ecs can be written by every user (mode 0777)"}, []string{"sudo chmod go-w /etc/ecs"}},
		"the program of a unit": {[]change{{"/srv/deploy", 0o775}},
			[]string{"/srv/deploy/muster: /srv/deploy can be written by its group or through an ACL (mode 0775)"},
			[]string{"sudo chmod go-w /srv/deploy"}},
		"a drop-in and a unit": {[]change{{unit, 0o666}, {unit + ".d/override.conf", 0o666}},
			[]string{unit + " can be written by every user (mode 0666)", unit + ".d/override.conf can be written by every user (mode 0666)"},
			[]string{"sudo chmod go-w " + unit + " " + unit + ".d/override.conf"}},
	} {
		t.Run(name, func(t *testing.T) {
			root := tree(t, map[string]string{
				"/etc/ecs/ecs.config": "ECS_CLUSTER=prod\n", "/etc/muster/muster.env": "", "/var/log/ecs/ecs-agent.log": "", "/srv/deploy/muster": "",
				unit: "[Service]\nExecStart=/srv/deploy/muster agent\n", unit + ".d/override.conf": "",
			})
			for _, ch := range c.changes {
				if err := os.Chmod(root+ch.path, ch.mode); err != nil {
					t.Fatal(err)
				}
			}
			f := bootstrapFinding(t, root)
			if c.evidence == nil {
				if f.Status != check.Skip {
					t.Errorf("%+v", f)
				}
				return
			}
			if f.ID != "not-roots-alone" || f.Status != check.Warn || !slices.Equal(f.Evidence, c.evidence) || !slices.Equal(f.Fix.Commands,
				c.commands) {
				t.Errorf("%+v", f)
			}
			if many := len(c.evidence) > 1; many != strings.HasSuffix(f.Summary, unit+" and 1 more, which root obeys") {
				t.Errorf("%q", f.Summary)
			}
		})
	}
}
