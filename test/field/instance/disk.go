//go:build linux

package instance

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"muster/internal/sandbox"
	"muster/test/field/fieldcase"
)

// diskDir is the root directory of the instance. It is short, because the path of a socket is limited to 107 bytes.
const diskDir = "/tmp/instance"

// disk is the file system of the instance. Files are written through an os.Root, so that no link leads to the host.
type disk struct {
	dir  string
	root *os.Root
}

// mountTmp hides the host's /tmp behind a tmpfs of a fixed size, so that muster's reports about free space do not depend
// on the host.
func mountTmp() error {
	if err := syscall.Mount("tmpfs", "/tmp", "tmpfs", 0, "size=8g,mode=1777"); err != nil {
		return fmt.Errorf("mounting a tmpfs: %w", err)
	}
	return nil
}

// mountDisk creates an empty disk that contains the program muster.
func mountDisk(muster string) (*disk, error) {
	binary, err := os.Open(muster) // before /tmp is hidden, which may contain it
	if err != nil {
		return nil, err
	}
	defer binary.Close()
	if err := mountTmp(); err != nil {
		return nil, err
	}
	if err := os.Mkdir(diskDir, 0o755); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(diskDir)
	if err != nil {
		return nil, err
	}
	d := &disk{dir: diskDir, root: root}
	if err := d.write(musterPath, nil); err != nil {
		return nil, err
	}
	if err := syscall.Mount(fmt.Sprintf("/proc/self/fd/%d", binary.Fd()), d.path(musterPath), "", syscall.MS_BIND, ""); err != nil {
		return nil, fmt.Errorf("binding %s: %w", muster, err)
	}
	return d, nil
}

// local converts a path of the instance to a path relative to its root directory.
func local(p string) string { return strings.TrimPrefix(path.Clean("/"+p), "/") }

func (d *disk) path(p string) string { return filepath.Join(d.dir, local(p)) }

func (d *disk) write(p string, data []byte) error {
	if err := d.root.MkdirAll(path.Dir(local(p)), 0o755); err != nil {
		return err
	}
	return d.root.WriteFile(local(p), data, 0o644)
}

func (d *disk) append(p string, data []byte) error {
	f, err := d.root.OpenFile(local(p), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// Defaults of every instance, unless the case changes them.
var (
	usualFiles = map[string]string{
		"etc/resolv.conf":                       "nameserver " + resolverAddr + "\noptions timeout:1 attempts:1\n",
		"etc/ecs/ecs.config":                    "ECS_CLUSTER=prod\n",
		"proc/meminfo":                          "MemTotal: 8000000 kB\nMemAvailable: 6000000 kB\n",
		"proc/uptime":                           "5000.00 9000.00\n",
		"proc/sys/net/ipv4/ip_local_port_range": "32768\t60999\n",
		"var/lib/cloud/data/result.json":        `{"v1": {"datasource": "DataSourceEc2Local", "errors": []}}`,
		"var/cache/ecs/ecs-agent.tar":           "tar",
		"var/cache/ecs/state":                   "1",
	}
	usualDirs = []string{
		"dev", "etc/pki", "etc/systemd/system", "proc/self", "run/dbus", "run/muster-agent", "run/systemd/system", "tmp",
		"var/lib/docker", "var/lib/ecs/data", "var/lib/muster-agent/spool", "var/log/ecs", "var/run",
	}
)

// layOut fills the disk: the default files, then the additions and removals of the case.
func (i *Instance) layOut() error {
	d := i.disk
	for _, p := range usualDirs {
		if err := d.root.MkdirAll(p, 0o755); err != nil {
			return err
		}
	}
	for _, p := range slices.Sorted(maps.Keys(usualFiles)) {
		if err := d.write(p, []byte(usualFiles[p])); err != nil {
			return err
		}
	}
	if err := d.root.Symlink("/"+musterPath, "proc/self/exe"); err != nil {
		return err
	}
	for _, p := range i.c.Absent {
		if err := d.root.RemoveAll(local(p)); err != nil {
			return err
		}
	}
	if err := d.mountFull(i.c.Disks); err != nil {
		return err
	}
	now := time.Now()
	for _, f := range i.c.Files {
		if err := d.add(f, now); err != nil {
			return err
		}
	}
	if err := d.saveCheckpoint(i.c.AgentDB); err != nil {
		return err
	}
	return d.limit(i.c.Disks)
}

// add creates a file of the case.
func (d *disk) add(f fieldcase.File, now time.Time) error {
	name := local(f.Name)
	if err := d.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	if f.Dir || f.FIFO || f.Link != "" {
		if err := d.root.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ENOTEMPTY) {
			return err
		}
	}
	switch {
	case f.Dir:
		return d.root.MkdirAll(name, 0o755)
	case f.FIFO:
		return syscall.Mkfifo(d.path(name), uint32(f.Mode))
	case f.Link != "":
		return d.root.Symlink(f.Link, name)
	}
	if err := d.root.WriteFile(name, fieldcase.Dated(f.Data, now), 0o644); err != nil {
		return err
	}
	err := d.root.Chmod(name, f.Mode)
	if f.Size > 0 {
		err = errors.Join(err, os.Truncate(d.path(name), f.Size))
	}
	return err
}

// mountFull mounts a tiny file system at each directory that must be full.
func (d *disk) mountFull(disks []fieldcase.Disk) error {
	for _, at := range disks {
		if !at.Full {
			continue
		}
		if err := d.root.MkdirAll(local(at.Path), 0o755); err != nil {
			return err
		}
		if err := syscall.Mount("tmpfs", d.path(at.Path), "tmpfs", 0, "size=256k"); err != nil {
			return fmt.Errorf("mounting at %s: %w", at.Path, err)
		}
	}
	return nil
}

// limit fills disks or makes them read-only, after all files have been created.
func (d *disk) limit(disks []fieldcase.Disk) error {
	for _, at := range disks {
		if at.Full {
			_ = d.write(path.Join(at.Path, "fill"), make([]byte, 1<<20)) // fails once the disk is full, as intended
		}
		if !at.ReadOnly {
			continue
		}
		p := d.path(at.Path)
		if err := syscall.Mount(p, p, "", syscall.MS_BIND, ""); err != nil {
			return fmt.Errorf("mounting at %s: %w", at.Path, err)
		}
		if err := syscall.Mount("", p, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, ""); err != nil {
			return fmt.Errorf("making %s read-only: %w", at.Path, err)
		}
	}
	return nil
}

// saveCheckpoint writes agent.db. By default, it contains this instance in cluster prod.
func (d *disk) saveCheckpoint(c fieldcase.Checkpoint) error {
	const at = "var/lib/ecs/data/agent.db"
	switch {
	case c.Damage == "empty":
		return d.write(at, nil)
	case c.Damage == "zeros":
		return d.write(at, make([]byte, 32<<10))
	case c == fieldcase.Checkpoint{}:
		return nil
	}
	saved := sandbox.Checkpoint{Cluster: cmp.Or(c.Cluster, "prod"), InstanceID: cmp.Or(c.Instance, ownID)}
	saved.ARN = cmp.Or(c.ARN, "arn:aws:ecs:eu-central-1:123456789012:container-instance/"+saved.Cluster+"/0aa1")
	if err := sandbox.WriteCheckpoint(d.dir, saved); err != nil {
		return err
	}
	if c.Damage == "truncated" {
		return os.Truncate(d.path(at), 5000) // in the middle of bbolt's second page
	}
	return nil
}
