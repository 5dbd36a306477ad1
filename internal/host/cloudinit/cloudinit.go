// Package cloudinit reads cloud-init's state of this boot: the data source that it found,
// its errors, and whether it is still running. It checks only the form of user data, and
// never quotes it:
//
//	first bytes          what cloud-init does
//	#!/bin/bash          runs it as a script
//	#!/bin/bash\r        the kernel finds no interpreter of that name
//	(blank)#!/bin/bash   ignores it, or cannot run it
//	IyEvYmluL2Jhc2gK     ignores it: it was encoded twice
package cloudinit

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"muster/internal/file/safefile"
)

// NoDataSource is cloud-init's fallback data source. It means that no other was found, so there was no user data to run.
const NoDataSource = "DataSourceNone"

// Result is cloud-init's status of this boot.
type Result struct {
	DataSource string   // DataSourceEc2Local, ...; empty while it is running
	Errors     []string // may quote output of user data
	Running    string   // current stage; empty when done
}

// Read reads the status below root. Without cloud-init, it returns fs.ErrNotExist. status.json exists from the first
// stage on, result.json from the end of the last; /run/cloud-init/result.json is a link to the file in /var, which the
// ECS agent reads (cloud-init's cmd/main.py; amazon-ecs-agent agent/config/cloudinit_check_linux.go).
func Read(root string) (Result, error) {
	done, err := read(filepath.Join(root, "/var/lib/cloud/data/result.json"))
	if !errors.Is(err, fs.ErrNotExist) {
		return Result{DataSource: done.DataSource, Errors: done.Errors}, err
	}
	now, err := read(filepath.Join(root, "/run/cloud-init/status.json"))
	return Result{DataSource: now.DataSource, Running: cmp.Or(now.Stage, "between two stages")}, err
}

// v1 holds the fields of both files.
type v1 struct {
	DataSource string   `json:"datasource"`
	Errors     []string `json:"errors"`
	Stage      string   `json:"stage"` // null between the stages
}

func read(path string) (v1, error) {
	var file struct {
		V1 v1 `json:"v1"`
	}
	data, err := safefile.Read(path, maxLog)
	if err == nil {
		err = json.Unmarshal(data, &file)
	}
	if err != nil {
		return v1{}, fmt.Errorf("reading %s: %w", path, err)
	}
	return file.V1, nil
}
