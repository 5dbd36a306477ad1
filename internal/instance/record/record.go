// Package record keeps what bootstrap found out and was told on one instance,
// for the units that run after it, and brings it back into the settings.
package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"muster/internal/config"
	"muster/internal/file/jsonfile"
	"muster/internal/file/safefile"
)

// Record is what bootstrap leaves for the units that run after it, for a later
// run, and for a person. It is kept in a directory named by the instance id,
// so a record in a baked image is another instance's and is not found.
type Record struct {
	Schema        int               `json:"schema"`
	InstanceID    string            `json:"instance_id"`
	Cluster       string            `json:"cluster"`
	ClusterOrigin string            `json:"cluster_origin"`
	Settings      map[string]string `json:"settings"` // by variable; never a secret
	At            time.Time         `json:"at"`
}

const schema = 1

// maxFile bounds what Read takes in, in bytes. A real record has a few hundred.
const maxFile = 1 << 20

func path(dir string) string { return filepath.Join(dir, "bootstrap.json") }

// Read reads the record of one instance; without one it is the zero
// Record.
func Read(dir string) (Record, error) {
	data, err := safefile.Read(path(dir), maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return Record{}, nil
	}
	if err != nil {
		return Record{}, fmt.Errorf("reading the record of bootstrap: %w", err)
	}
	record, err := decode(data)
	if err == nil && record.InstanceID != filepath.Base(dir) {
		err = fmt.Errorf("it is of instance %+.40q", record.InstanceID)
	}
	if err != nil {
		return Record{}, fmt.Errorf("reading the record of bootstrap: %s: %w", path(dir), err)
	}
	return record, nil
}

// Recall loads the settings with what an earlier bootstrap recorded for this
// instance laid between the environment and the settings file. A record that
// cannot be read is damage, not a reason to stop: it is returned beside the
// settings without it.
func Recall(set config.Set, instanceID string) (cfg *config.Config, r Record, damage, err error) {
	if cfg, err = config.Load(set); err != nil {
		return nil, Record{}, nil, err
	}
	if r, damage = Read(cfg.InstanceDir(instanceID)); damage != nil || r.InstanceID == "" {
		return cfg, Record{}, damage, nil
	}
	set.Record = r.Settings
	cfg, err = config.Load(set)
	return cfg, r, nil, err
}

// None says that no bootstrap has left a record here, of whatever instance.
func None(cfg *config.Config) bool {
	_, err := os.Stat(filepath.Dir(cfg.InstanceDir("i-0")))
	return errors.Is(err, fs.ErrNotExist)
}

func decode(data []byte) (Record, error) {
	var record Record
	if err := json.Unmarshal(data, &record); err != nil {
		return Record{}, err
	}
	if record.Schema != schema {
		return Record{}, fmt.Errorf("it has schema %d, this muster knows %d", record.Schema, schema)
	}
	return record, nil
}

// Write keeps the record in dir, which is named by the instance id. Every user
// may read it: muster-agent runs as one of its own, and no setting in it is a
// secret.
func (r Record) Write(dir string) error {
	r.Schema = schema
	return jsonfile.Write(path(dir), r, 0o644)
}
