package config

import (
	"errors"
	"os"
	"path/filepath"
)

// Gather lays the flags, by variable, over the environment and the settings file. A
// file that cannot be read is no error here but the set's Bad: bootstrap has an ECS
// agent to hold back before it fails.
//
// The file's variables for other libraries (AWS_*, the proxy) go into the environment of
// this process, unless they are set there.
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
