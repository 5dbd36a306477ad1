// Package systemdtest boots throw-away machines with a real systemd, D-Bus and
// cloud-init for integration tests: containers of the image that
// scripts/systemd-rootfs makes. All of it is behind the build tag integration.
//
// It knows nothing of muster's units; what a test needs on the machine it
// brings as files.
package systemdtest
