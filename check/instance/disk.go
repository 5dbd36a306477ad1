package instance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"muster/check"
	"muster/internal/base/fix"
	"muster/internal/host/dockerapi"
	"muster/internal/host/kernel"
)

const (
	fullPercent    = 99.0
	tightPercent   = 90.0
	leastFree      = 64 << 20  // bytes; with less, neither an image layer nor a log fits
	leastFreeCount = 640 << 20 // only applies to a file system larger than this
)

// mount is a file system, with the checked paths that are on it.
type mount struct {
	paths  []string
	docker bool // it contains Docker's images and containers
	kernel.FileSystem
}

// disk checks each file system once.
func (g Group) disk(ctx context.Context) []check.Finding {
	var mounts []mount
	var unseen []check.Finding
	needed := []string{g.dockerRoot(), "/var/lib/ecs", "/var/log", "/tmp", "/"}
	for i, m := range g.measure(ctx, needed) {
		path := needed[i]
		// Read-only is a property of a mount, and therefore of a path, not of its device (mount(8), bind mounts).
		at := slices.IndexFunc(mounts, func(o mount) bool { return o.Device == m.Device && o.ReadOnly == m.ReadOnly })
		switch {
		case errors.Is(m.err, fs.ErrNotExist):
		case m.err != nil:
			unseen = append(unseen, check.Undetermined(m.err, fix.Fix{})...)
		case path == "/" && m.ReadOnly && at < 0: // read-only by design, as on Bottlerocket
		case at < 0:
			mounts = append(mounts, mount{[]string{path}, i == 0, m.FileSystem})
		default:
			mounts[at].paths = append(mounts[at].paths, path)
		}
	}
	var found []check.Finding
	var seen []string
	for _, m := range mounts {
		found = append(found, m.findings()...)
		seen = append(seen, m.String())
	}
	if found = append(found, unseen...); len(found) > 0 {
		return found
	}
	return check.Passed("the disks have free space", seen...)
}

type measured struct {
	kernel.FileSystem
	err error
}

// measure measures all paths concurrently. A path on a dead NFS server never returns, so measure does not wait for it.
func (g Group) measure(ctx context.Context, paths []string) []measured {
	out := make([]measured, len(paths))
	answers := make([]chan measured, len(paths))
	for i, path := range paths {
		answers[i] = make(chan measured, 1)
		go func() {
			system, err := g.FileSystem(g.Config.Path(path))
			answers[i] <- measured{system, err}
		}()
	}
	for i, path := range paths {
		select {
		case out[i] = <-answers[i]:
		case <-ctx.Done():
			select { // the result may have arrived while the loop waited for another
			case out[i] = <-answers[i]:
			default:
				out[i].err = fmt.Errorf("%s does not respond: its file system hangs, for example because an NFS server is down", path)
			}
		}
	}
	return out
}

// dockerRoot returns the directory of Docker's images and containers.
func (g Group) dockerRoot() string {
	return dockerapi.DataRoot(g.Config.Path("/etc/docker/daemon.json"))
}

func (m mount) String() string {
	text := fmt.Sprintf("%s: %.0f %% full, %s of %s free", strings.Join(m.paths, ", "), m.Used(), size(m.Free), size(m.Size))
	if m.Inodes > 0 {
		text += fmt.Sprintf(", %.0f %% of the inodes used", m.InodesUsed())
	}
	return text
}

func (m mount) findings() []check.Finding {
	var found []check.Finding
	add := func(kind *check.Kind, status check.Status, what string, to fix.Fix) {
		found = append(found, check.Finding{Kind: kind, Status: status, Evidence: []string{m.String()}, Fix: to,
			Summary: "the file system of " + strings.Join(m.paths, ", ") + " " + what})
	}
	free := fix.Do("Find what uses the space, remove it, or grow the volume:",
		append([]string{"sudo du -xh --max-depth=2 " + m.paths[0] + " | sort -h | tail -n 20"}, m.freeCommands()...)...)
	switch {
	case m.ReadOnly:
		add(ReadOnlyFileSystem, check.Fail, "is mounted read-only",
			fix.Do("Find out why, then remount it or replace the instance:", "sudo dmesg -T | grep -iE 'remount|ext4|xfs|I/O error' | tail -n 20",
				"sudo mount -o remount,rw "+m.paths[0]))
	case m.Used() >= fullPercent, m.Free < leastFree && m.Size > leastFreeCount:
		add(DiskFull, check.Fail, "is full", free)
	case m.Used() >= tightPercent:
		add(DiskFull, check.Warn, "is nearly full", free)
	}
	inodes := fix.Do("Find the directories with the most files, and remove what is not needed:",
		append([]string{"sudo find " + m.paths[0] + " -xdev -printf '%h\\n' | sort | uniq -c | sort -n | tail -n 20"}, m.pruneCommands()...)...)
	switch used := m.InodesUsed(); {
	case m.ReadOnly:
	case used >= fullPercent:
		add(InodesFull, check.Fail, "has no inodes left", inodes)
	case used >= tightPercent:
		add(InodesFull, check.Warn, "has almost no inodes left", inodes)
	}
	return found
}

// freeCommands returns the commands that free space on this file system. Docker's images are on the file system of its
// own directory, and journald's files are below /var/log (journald.conf(5)).
func (m mount) freeCommands() []string {
	switch {
	case len(m.pruneCommands()) > 0:
		return append([]string{"sudo docker system df"}, m.pruneCommands()...)
	case slices.Contains(m.paths, "/var/log"):
		return []string{"sudo journalctl --vacuum-size=100M"}
	}
	return nil
}

func (m mount) pruneCommands() []string {
	if m.docker {
		return []string{"sudo docker system prune"}
	}
	return nil
}

// size formats a number of bytes in MiB or GiB.
func size(bytes uint64) string {
	if bytes < 10<<30 {
		return fmt.Sprintf("%d MiB", bytes>>20)
	}
	return fmt.Sprintf("%d GiB", bytes>>30)
}
