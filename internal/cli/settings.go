package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"muster/internal/config"
)

// settings collects what the flags, the environment and the settings file say.
func settings(cmd *cobra.Command) (config.Set, error) {
	set := config.Set{Flags: map[string]string{}, Environ: os.Environ()}
	for _, s := range config.Settings() {
		if f := cmd.Flags().Lookup(s.Flag); f != nil && f.Changed {
			set.Flags[s.Variable] = flagValue(f)
		}
	}
	root := set.Flags["MUSTER_ROOT"]
	if root == "" {
		root = os.Getenv("MUSTER_ROOT")
	}
	// A bad file does not end the command here: bootstrap has an ECS agent to
	// hold back before it fails.
	set.File, set.Bad = config.ReadFile(filepath.Join("/", root, config.FilePath))
	return set, passOn(set.File)
}

func flagValue(f *pflag.Flag) string {
	if many, ok := f.Value.(pflag.SliceValue); ok {
		return strings.Join(many.GetSlice(), "\n")
	}
	return f.Value.String()
}

// passOn gives the libraries their variables of the settings file, unless the
// environment has them already.
func passOn(file config.File) error {
	var errs []error
	for name, value := range file.Passed {
		if _, there := os.LookupEnv(name); !there {
			errs = append(errs, os.Setenv(name, value))
		}
	}
	return errors.Join(errs...)
}
