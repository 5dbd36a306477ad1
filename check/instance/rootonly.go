package instance

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"muster/check"
	"muster/check/subject"
	"muster/internal/base/fix"
	"muster/internal/config"
	"muster/internal/file/rootonly"
	"muster/internal/host/ecsconfig"
	"muster/internal/host/units"
)

// trusted lists the files below the root that processes of root trust: those that control muster and its units, the ECS
// agent, and Docker. If such a file does not exist, its directories count instead, because a user who can write to them
// can create it.
func (g Group) trusted() []string {
	paths := []string{config.FilePath, g.Config.ECSConfig, ecsconfig.InstancePath, "/etc/ecs/ecs.config.json", "/etc/docker/daemon.json"}
	if id := g.Record.InstanceID; id != "" {
		paths = append(paths, filepath.Join(g.Config.StateDir, "instances", id, "bootstrap.json"))
	}
	for _, pattern := range []string{"muster-*.service", "muster-*.socket", "muster-*.d/*.conf", "ecs.service.d/*.conf",
		"docker.service.d/*.conf"} {
		found, _ := filepath.Glob(g.Config.Path(filepath.Join("/etc/systemd/system", pattern)))
		for _, path := range found {
			below, err := filepath.Rel(g.Config.Root, path)
			if err != nil {
				continue
			}
			paths = append(paths, filepath.Join("/", below))
			if program := units.RunBy(path); program != "" {
				paths = append(paths, program)
			}
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// notRootsAlone warns about trusted files that another user can change, because that user can become root. A file that
// cannot be examined is reported by the check that reads it.
func (g Group) notRootsAlone() []check.Finding {
	var evidence, chown, at []string // at holds the files and directories with wrong permissions
	for _, path := range g.trusted() {
		d, is := rootonly.Is(rootonly.Check(g.Config.Root, path))
		if !is || d.Remote || slices.Contains(at, d.Path) {
			continue
		}
		line := d.Error()
		if d.Path != path {
			line = path + ": " + line
		}
		evidence = append(evidence, line)
		if strings.HasPrefix(d.Why, "belongs") {
			chown = append(chown, d.Path)
		}
		at = append(at, d.Path)
	}
	if evidence == nil {
		return nil
	}
	var commands []string
	if len(chown) > 0 {
		commands = append(commands, "sudo chown root: "+strings.Join(chown, " "))
	}
	commands = append(commands, "sudo chmod go-w "+strings.Join(at, " "))
	what := "other users can change " + at[0]
	if len(at) > 1 {
		what += fmt.Sprintf(" and %d more", len(at)-1)
	}
	what += ", which root obeys"
	return []check.Finding{{Kind: NotRootsAlone, Status: check.Warn, Summary: what, Evidence: subject.Bounded(evidence),
		Fix: fix.Do("Check what they hold, then make them writable for root alone:", commands...)}}
}
