package config

import (
	"errors"
	"os"
	"path/filepath"
)

// Gather collects the flags (by variable), the environment and the settings file. If the file cannot be read, Gather
// sets Set.Bad instead of returning an error, because bootstrap may have to hold back the ECS agent before it fails.
//
// Gather exports the file's variables for other libraries (AWS_*, proxy) to the environment of this process, unless
// they are already set there.
func Gather(flags map[string]string) (Set, error) {
	set := Set{Flags: flags, Environ: os.Environ()}
	root := flags["MUSTER_ROOT"]
	if root == "" {
		root = os.Getenv("MUSTER_ROOT")
	}
	set.File, set.Bad = ReadFile(filepath.Join("/", root, FilePath))
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
