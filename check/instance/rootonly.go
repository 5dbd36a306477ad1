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

// trusted are the files below the root that a process of root's obeys: what decides over
// muster and its units, over the ECS agent, and over Docker. Of one that is not there the
// directories count: whoever may write to them can make it.
func (w Group) trusted() []string {
	paths := []string{config.FilePath, w.Config.ECSConfig, ecsconfig.InstancePath, "/etc/ecs/ecs.config.json", "/etc/docker/daemon.json"}
	if id := w.Record.InstanceID; id != "" {
		paths = append(paths, filepath.Join(w.Config.StateDir, "instances", id, "bootstrap.json"))
	}
	for _, pattern := range []string{"muster-*.service", "muster-*.socket", "muster-*.d/*.conf", "ecs.service.d/*.conf",
		"docker.service.d/*.conf"} {
		found, _ := filepath.Glob(w.Config.Path(filepath.Join("/etc/systemd/system", pattern)))
		for _, path := range found {
			below, err := filepath.Rel(w.Config.Root, path)
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

// notRootsAlone warns of those that somebody else can change, who is then root too. A
// file that cannot be looked at is for the check that reads it.
func (w Group) notRootsAlone() []check.Finding {
	var evidence, chown, at []string // at are the files and directories at fault
	for _, path := range w.trusted() {
		d, is := rootonly.Is(rootonly.Check(w.Config.Root, path))
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
