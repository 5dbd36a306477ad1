// Package containers watches the containers of this instance and explains what
// happens to them: health, exits and their reasons, restarts, crash loops. It reports
// each change once, as a Transition, and counts. The counters only grow.
//
// A Watcher subscribes to Docker's events, then lists, then compares, at each
// connection; after that it lists once a period. It inspects a container that
// starts, and one whose end its events do not explain. The conclusions are drawn by
// a machine that does no I/O (machine.go): events wait a quarter of a second there,
// so that those that overtook each other, or come twice, are put in order.
//
// What does not live here: publishing, announcing, and the registration.
package containers
