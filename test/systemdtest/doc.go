// Package systemdtest boots disposable machines with a real systemd, D-Bus and cloud-init for integration tests. The
// machines are containers of the image built by scripts/systemd-rootfs. It needs the build tag integration.
//
// It contains no units of muster; tests pass the files that a machine needs.
package systemdtest
