// Command muster joins an EC2 instance to its ECS cluster, proves that it joined, and
// watches it.
package main

import (
	"os"

	"muster/internal/cli"
)

// version is set by the linker (see the Makefile).
var version = "dev"

func main() {
	os.Exit(cli.Main(version, os.Args[1:], os.Stdout, os.Stderr))
}
