package cli

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"muster/internal/config"
	"muster/internal/instance"
)

// thisHost returns the host with the settings from the flags of cmd. It reads nothing yet.
func thisHost(cmd *cobra.Command) *instance.Host {
	return instance.New(func() (config.Set, error) { return config.Gather(given(cmd)) })
}

// given returns the values of the flags that were set, by setting variable.
func given(cmd *cobra.Command) map[string]string {
	flags := map[string]string{}
	for _, s := range config.Settings() {
		if f := cmd.Flags().Lookup(s.Flag); f != nil && f.Changed {
			flags[s.Variable] = flagValue(f)
		}
	}
	return flags
}

func flagValue(f *pflag.Flag) string {
	if many, ok := f.Value.(pflag.SliceValue); ok {
		return strings.Join(many.GetSlice(), "\n")
	}
	return f.Value.String()
}
