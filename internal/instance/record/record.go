// Package record stores what bootstrap determined for an instance and the settings it ran with. The units that run
// later load it back into their settings.
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

// Record is what bootstrap stores for the units, for later runs and for people. Its directory is named after the
// instance id, so that a record that was baked into an image is not used on a new instance.
type Record struct {
	Schema        int               `json:"schema"`
	InstanceID    string            `json:"instance_id"`
	Cluster       string            `json:"cluster"`
	ClusterOrigin string            `json:"cluster_origin"`
	Settings      map[string]string `json:"settings"` // by variable; never contains a secret
	At            time.Time         `json:"at"`
}

const schema = 1

// maxFile is the largest record that Read accepts, in bytes. A real record is a few hundred bytes.
const maxFile = 1 << 20

func path(dir string) string { return filepath.Join(dir, "bootstrap.json") }

// Read reads the record in dir. It returns the zero Record if there is none.
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
		err = fmt.Errorf("it belongs to instance %+.40q", record.InstanceID)
	}
	if err != nil {
		return Record{}, fmt.Errorf("reading the record of bootstrap: %s: %w", path(dir), err)
	}
	return record, nil
}

// Recall loads the settings together with the record of this instance, which has lower precedence than the environment
// and higher than the settings file. An unreadable record is not fatal: Recall returns the settings without the record,
// and the reason in damage.
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

// None reports whether there is no record of any instance.
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
		return Record{}, fmt.Errorf("it has schema %d, but this version of muster supports %d", record.Schema, schema)
	}
	return record, nil
}

// Write writes the record to dir, which must be named after the instance id. Every user can read the file, because
// muster-agent runs as its own user. The record contains no secrets.
func (r Record) Write(dir string) error {
	r.Schema = schema
	return jsonfile.Write(path(dir), r, 0o644)
}
