package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"muster/internal/base/cluster"
)

// noArgs is cobra.NoArgs for commands with --cluster. An argument is usually meant as a cluster name, but cobra would
// report it as an unknown command.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if _, err := cluster.Parse(args[0]); err == nil && len(args) == 1 {
		return fmt.Errorf("%s takes no argument; use --cluster %s", cmd.Name(), args[0])
	}
	return fmt.Errorf("%s takes no argument", cmd.Name())
}
