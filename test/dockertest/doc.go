// Package dockertest gives integration tests a real Docker Engine: this machine's,
// or one of their own that they may stop, and an image for it with a program that
// can be healthy, sick, crash and run out of memory. All of it is behind the build
// tag integration.
package dockertest
