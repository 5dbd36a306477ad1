// Package instance builds the EC2 instance of a field case inside the network and
// mount namespaces of the calling process, and runs the real muster on it. All
// services that muster uses have their real addresses:
//
//	169.254.169.254:80        metadata service             sandbox
//	10.0.0.2:53               resolver                     dns.go
//	52.94.1.N:443             AWS endpoints, over TLS      tls.go, in front of sandbox
//	10.0.0.8:3128             proxy, if the case has one   proxy.go
//	/run/systemd/private      systemd                      systemd.go
//	/var/run/docker.sock      Docker Engine                dockerd
//	/usr/local/bin/muster     the binary under test        chrooted, see disk.go
//
// The disk is a tmpfs of the mount namespace, mounted at /tmp, so that nothing
// remains after the process exits, even if it is killed.
//
// Package sandbox provides AWS, the metadata service and the ECS agent; package
// dockerd provides the Docker Engine. This package does not check expectations.
package instance
