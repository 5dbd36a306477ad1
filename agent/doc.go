// Package agent is muster's long-running agent. It reports the state of the containers, and whether the instance stays
// registered. Its parts are in the packages below it. This package connects them in one loop.
package agent
