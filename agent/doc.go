// Package agent is what runs for the instance's whole life: it says how the
// containers are and whether the instance stays registered. The parts stand
// below it, one a package; here they are wired into one loop.
package agent
