// Package containers watches the containers of this instance and explains their changes: health, exits and their
// reasons, restarts, crash loops. It reports each change once, as a Transition, and counts events. The counters only
// grow.
//
// For each connection, a Watcher subscribes to Docker's events, then lists the containers, then compares the list with
// its state. After that it lists once per period. It inspects a container that starts, and one whose exit the events do
// not explain. A state machine without I/O (machine.go) evaluates the events. It delays each event by a quarter of a
// second, so that it can sort events that arrive out of order and drop duplicates.
//
// Publishing, announcing and the registration are in other packages.
package containers
