package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/kelseyhightower/envconfig"

	"muster/internal/base/nearest"
)

// Load merges the set into a Config. Every error says where the invalid value came from. An unknown variable is an
// error that suggests similar names.
func Load(set Set) (*Config, error) {
	if set.Bad != nil {
		return nil, set.Bad
	}
	values, origins := set.merge()
	if err := checkKnown(values, origins); err != nil {
		return nil, err
	}
	cfg := &Config{}
	if err := process(values, cfg); err != nil {
		return nil, explain(err, origins)
	}
	cfg.origins = origins
	if err := cfg.check(); err != nil {
		return nil, err
	}
	return cfg, nil
}

// processing guards the environment of this process, because envconfig can only read values from the environment.
var processing sync.Mutex

// process runs envconfig with exactly these values in the environment, and then restores the environment.
func process(values map[string]string, cfg *Config) error {
	processing.Lock()
	defer processing.Unlock()
	before := environ(os.Environ())
	replace := func(out, in map[string]string) error {
		for name := range out {
			if err := os.Unsetenv(name); err != nil {
				return err
			}
		}
		for name, value := range in {
			if err := os.Setenv(name, value); err != nil {
				return fmt.Errorf("%s: the value cannot be an environment variable: %w", name, err)
			}
		}
		return nil
	}
	err := replace(before, values)
	if err == nil {
		err = envconfig.Process(strings.TrimSuffix(Prefix, "_"), cfg)
	}
	return errors.Join(err, replace(values, before))
}

func checkKnown(values map[string]string, origins map[string]Origin) error {
	var known []string
	for _, s := range Settings() {
		known = append(known, s.Variable)
	}
	var errs []error
	for _, variable := range slices.Sorted(maps.Keys(values)) {
		if slices.Contains(known, variable) {
			continue
		}
		hint := nearest.Hint(variable, known, "muster config show lists the settings")
		errs = append(errs, fmt.Errorf("%s: unknown setting %s: %s", origins[variable], variable, hint))
	}
	return errors.Join(errs...)
}

// explain adds to an error from envconfig where the value came from.
func explain(err error, origins map[string]Origin) error {
	var parse *envconfig.ParseError
	if !errors.As(err, &parse) {
		return err
	}
	why := parse.Err.Error()
	switch parse.TypeName {
	case "time.Duration":
		why = "not a duration such as 90s or 10m"
	case "int":
		why = "not a whole number"
	case "bool":
		why = "neither true nor false"
	}
	if parse.KeyName == "MUSTER_ECS" { // the value may contain registry passwords
		return fmt.Errorf("%s: %s: %s", origins[parse.KeyName], parse.KeyName, why)
	}
	return fmt.Errorf("%s: %s=%+q: %s", origins[parse.KeyName], parse.KeyName, parse.Value, why)
}
