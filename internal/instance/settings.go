package instance

import (
	"errors"
	"os"
	"path/filepath"

	"muster/internal/config"
)

// Settings lays the flags, by variable, over the environment and the settings file. A
// file that cannot be read is no error here but the set's Bad: bootstrap has an ECS
// agent to hold back before it fails.
//
// The file's variables for other libraries (AWS_*, the proxy) go into the environment of
// this process, unless they are set there.
func Settings(flags map[string]string) (config.Set, error) {
	set := config.Set{Flags: flags, Environ: os.Environ()}
	root := flags["MUSTER_ROOT"]
	if root == "" {
		root = os.Getenv("MUSTER_ROOT")
	}
	set.File, set.Bad = config.ReadFile(filepath.Join("/", root, config.FilePath))
	return set, export(set.File.Passed)
}

func export(variables map[string]string) error {
	var errs []error
	for name, value := range variables {
		if _, set := os.LookupEnv(name); !set {
			errs = append(errs, os.Setenv(name, value))
		}
	}
	return errors.Join(errs...)
}
