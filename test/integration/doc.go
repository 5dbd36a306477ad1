// Package integration runs the built muster against other people's software: moto, AWS's mock of the metadata service,
// a real systemd with cloud-init, and a real Docker Engine. All tests have the build tag integration.
// scripts/integration runs them, together with the tests with that tag in other packages.
//
// A test of one package against one of these programs belongs in that package.
package integration
