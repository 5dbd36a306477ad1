// Package cloudinit reads what cloud-init left about this boot: which data source
// it found, what failed, whether it still runs. Of user data it looks at the form
// alone, and quotes nothing:
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

// NoDataSource is cloud-init's data source of last resort: it found no other, so
// that it had no user data to run.
const NoDataSource = "DataSourceNone"

// Result is what cloud-init says of this boot.
type Result struct {
	DataSource string   // DataSourceEc2Local, ...; empty while it runs
	Errors     []string // may quote what user data printed
	Running    string   // the stage that it is in; empty when it is done
}

// Read reads the status below root. Without cloud-init it is fs.ErrNotExist.
// status.json is there from the first stage on, result.json from the end of the
// last; the latter in /run is a link to the one in /var, which the ECS agent
// reads (cloud-init's cmd/main.py; amazon-ecs-agent agent/config/cloudinit_check_linux.go).
func Read(root string) (Result, error) {
	done, err := read(filepath.Join(root, "/var/lib/cloud/data/result.json"))
	if !errors.Is(err, fs.ErrNotExist) {
		return Result{DataSource: done.DataSource, Errors: done.Errors}, err
	}
	now, err := read(filepath.Join(root, "/run/cloud-init/status.json"))
	return Result{DataSource: now.DataSource, Running: cmp.Or(now.Stage, "between two stages")}, err
}

// v1 is what the files say, each some of it.
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
