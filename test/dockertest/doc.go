// Package dockertest provides a real Docker Engine for integration tests: that of the machine, or a separate one that
// the test can stop. It also builds an image with a program that can be healthy or unhealthy, crash and run out of
// memory. It needs the build tag integration.
package dockertest
