// Package integration runs the built muster against what is not ours: moto, the
// metadata mock of AWS, a real systemd with cloud-init, a real Docker Engine.
// All of it is behind the build tag integration; scripts/integration runs it,
// and every other package's tests of that tag.
//
// What one package says to one of them is tested in that package.
package integration
