// Command muster makes an EC2 instance report for duty in its ECS cluster,
// proves that it did, and watches it from then on.
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
