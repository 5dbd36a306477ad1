package ecsagent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"muster/internal/file/safefile"
)

// Checkpoint is the state that the agent saves across restarts. A field that the agent has not saved yet is empty.
type Checkpoint struct {
	Cluster              string // name or ARN, as configured when it was saved
	ContainerInstanceARN string
	InstanceID           string // i-...; the ID of another instance if the disk was baked into an image
	AgentVersion         string
}

// ErrMoving means that the agent wrote to its file while it was being read.
var ErrMoving = errors.New("the ECS agent is writing it; try again")

// ReadCheckpoint reads the agent's checkpoint, usually /var/lib/ecs/data/agent.db. It takes no lock, so it works while
// the agent runs. A missing file returns fs.ErrNotExist. An invalid file returns an error that names it.
func ReadCheckpoint(path string) (Checkpoint, error) {
	file, err := safefile.Open(path)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("reading the ECS agent's saved state: %w", err)
	}
	defer file.Close()
	var c Checkpoint
	// The agent commits at most a few times a minute. A commit during three consecutive reads has another cause.
	for range 3 {
		if c, err = readSteady(file); err == nil {
			return c, nil
		}
	}
	return Checkpoint{}, fmt.Errorf("reading the ECS agent's saved state %s: %w", path, err)
}

// readSteady rejects a read during which a commit happened. The next commit overwrites pages that the last one freed, so
// the walk may have mixed both.
func readSteady(file io.ReaderAt) (Checkpoint, error) {
	before := metaPages(file)
	c, err := decodeCheckpoint(file)
	if !bytes.Equal(before, metaPages(file)) {
		return Checkpoint{}, ErrMoving
	}
	return c, err
}

// metaPages returns both meta pages at the largest page size.
func metaPages(file io.ReaderAt) []byte {
	head := make([]byte, 64<<10+pageHeaderSize+metaSize)
	n, _ := file.ReadAt(head, 0)
	return head[:n]
}

func decodeCheckpoint(file io.ReaderAt) (Checkpoint, error) {
	if _, err := file.ReadAt(make([]byte, 1), 0); errors.Is(err, io.EOF) {
		return Checkpoint{}, errors.New("the file is empty")
	}
	db, err := openBolt(file)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("not a valid bbolt file: %w", err)
	}
	metadata, found, err := db.bucket("metadata")
	if err == nil && !found {
		err = errors.New(`no bucket "metadata": not written by an ECS agent`)
	}
	if err != nil {
		return Checkpoint{}, err
	}
	return fields(db, metadata)
}

// fields reads the keys of agent/data/metadata_client.go. Each value is a JSON string (ecs-agent/data/client.go,
// PutObject).
func fields(db *boltFile, metadata boltBucket) (c Checkpoint, err error) {
	for key, field := range map[string]*string{
		"cluster-name":           &c.Cluster,
		"container-instance-arn": &c.ContainerInstanceARN,
		"ec2-instance-id":        &c.InstanceID,
		"agent-version":          &c.AgentVersion,
	} {
		value, _, err := db.get(metadata, key)
		if err == nil && value != nil {
			err = json.Unmarshal(value, field)
		}
		if err != nil {
			return Checkpoint{}, fmt.Errorf("value of %s: %w", key, err)
		}
	}
	return c, nil
}

// SetAside renames the checkpoint to <path>.<UTC time>.muster and returns the new path. It never deletes or overwrites a
// file: an existing target returns fs.ErrExist, a missing checkpoint fs.ErrNotExist. Stop the agent first, or it keeps
// writing to the renamed file.
func SetAside(path string, now time.Time) (newPath string, err error) {
	newPath = path + "." + now.UTC().Format("20060102T150405Z") + ".muster"
	// A hard link, unlike rename, never overwrites. A crash before the remove leaves both names: no data is lost, and a
	// second run finishes.
	if err := os.Link(path, newPath); err != nil {
		return "", fmt.Errorf("moving the ECS agent's saved state aside: %w", err)
	}
	if err := os.Remove(path); err != nil {
		return "", fmt.Errorf("moving the ECS agent's saved state aside: %w", err)
	}
	return newPath, syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return fmt.Errorf("syncing %s after the rename: %w", dir, err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("syncing %s after the rename: %w", dir, err)
	}
	return nil
}
