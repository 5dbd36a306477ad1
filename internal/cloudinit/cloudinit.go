// Package cloudinit reads what cloud-init left about this boot: which data
// source it found, what went wrong, whether it still runs. It reads no user data.
package cloudinit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
	var result, status Result
	err := read(filepath.Join(root, "/var/lib/cloud/data/result.json"), &result, decodeResult)
	if !errors.Is(err, fs.ErrNotExist) {
		return result, err
	}
	err = read(filepath.Join(root, "/run/cloud-init/status.json"), &status, decodeStatus)
	return status, err
}

func read(path string, into *Result, decode func([]byte) (Result, error)) error {
	data, err := os.ReadFile(path)
	if err == nil {
		*into, err = decode(data)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return err
}

func decodeResult(data []byte) (Result, error) {
	var file struct {
		V1 struct {
			DataSource string   `json:"datasource"`
			Errors     []string `json:"errors"`
		} `json:"v1"`
	}
	err := json.Unmarshal(data, &file)
	return Result{DataSource: file.V1.DataSource, Errors: file.V1.Errors}, err
}

func decodeStatus(data []byte) (Result, error) {
	var file struct {
		V1 struct {
			DataSource string `json:"datasource"`
			Stage      string `json:"stage"` // null between the stages
		} `json:"v1"`
	}
	err := json.Unmarshal(data, &file)
	running := file.V1.Stage
	if running == "" {
		running = "between two stages"
	}
	return Result{DataSource: file.V1.DataSource, Running: running}, err
}
