// Package stopreason explains why an ECS task did not start, or stopped, from the texts that the ECS agent, the Docker
// Engine and ECS write about it. It reads nothing itself. Take
//
//	CannotPullContainerError: write /var/lib/docker/tmp/GetImageBlob1: no space left on device
//
// The row with the sign "no space left on device" explains it: task-image-disk, and the disk of the instance may be the
// cause. The rows are data, in rules.go, each with the source of its signs. A text that no row explains is quoted.
package stopreason

import (
	"strconv"
	"strings"

	"muster/internal/base/fix"
)

// Reason is why a task did not start, or stopped.
type Reason struct {
	ID string // stable, kebab-case: the id of the finding
	// What continues a sentence that begins with the name of a container: "could not be started: ...".
	What string
	Fix  fix.Fix
	// Planned: a deployment, a scaling activity or a person stopped the task.
	Planned bool
	// Origin is what of the instance may be the cause, in which case the instance is to be checked first.
	Origin Origin
}

// Origin is the part of an instance that may be the cause of a task's failure.
type Origin string

// The origins. The zero Origin means that the cause is the task's own: its image, its definition or its role.
const (
	Disk    Origin = "disk"
	DNS     Origin = "dns"
	Network Origin = "network" // the path from the instance to a registry or an AWS service
	Docker  Origin = "docker"  // the Engine is slow or broken
	Memory  Origin = "memory"  // of the host
)

// Facts are what is known of a task's end, or of one of its containers. What is not known is zero.
type Facts struct {
	// Text is what the ECS agent, Docker or ECS wrote: a stoppedReason, the reason of a container, an error.
	Text string
	// StopCode is that of ecs:DescribeTasks, such as EssentialContainerExited.
	StopCode string
	// ExitCode is that of a container that ran; nil if none is known.
	ExitCode *int
	// OOMKilled is Docker's: the kernel killed a process of the container for memory.
	OOMKilled bool
	// Stopped: the container was asked to stop before it exited.
	Stopped bool
}

const (
	sigkill = 128 + 9
	sigterm = 128 + 15
)

// Of explains the facts. It is false if they name no failure: an exit with 0 or after SIGTERM, or a planned stop.
//
// An exit with 137 (SIGKILL) has three explanations, which the facts tell apart: out of memory if Docker or the ECS agent
// says so, the stop timeout if the container was being stopped, otherwise an unknown sender of the signal.
func Of(f Facts) (Reason, bool) {
	r, known := textual(f.Text)
	switch {
	case known && r.ID != exited && !r.Planned:
		return r, true
	case f.ExitCode == nil:
		return unexplained(f, r, known)
	}
	return exitOf(f, r.Planned || plannedCode(f.StopCode) || f.Stopped)
}

// exitOf explains the exit code of a container, given whether its stop was planned.
func exitOf(f Facts, planned bool) (Reason, bool) {
	code := *f.ExitCode
	switch {
	case code == 0 || code == sigterm:
		return Reason{}, false
	case f.OOMKilled && (!planned || code == sigkill):
		return named("task-out-of-memory"), true
	case code == sigkill && planned:
		return named("task-stop-timeout"), true
	case planned:
		return Reason{}, false
	case code == sigkill:
		return named("task-killed"), true
	}
	return exitReason(code), true
}

// unexplained is for a task of which no container is known to have exited.
func unexplained(f Facts, r Reason, known bool) (Reason, bool) {
	switch {
	case known && r.ID == exited && !r.Planned:
		return r, true
	case known, f.Text == "", plannedCode(f.StopCode):
		return Reason{}, false
	}
	return other(f.Text), true
}

// plannedCode reports whether a stopCode names a stop that somebody asked for. ServiceSchedulerInitiated is also that of a
// task that failed its health checks, which its stoppedReason then says.
func plannedCode(code string) bool {
	return code == "UserInitiated" || code == "ServiceSchedulerInitiated"
}

// textual explains a text by the first row that has a sign in it.
func textual(text string) (Reason, bool) {
	low := strings.ToLower(text)
	for _, r := range rules {
		for _, sign := range r.signs {
			if contains(low, sign) {
				return r.reason(), true
			}
		}
	}
	return Reason{}, false
}

// contains reports whether the parts of a sign, which "*" separates, are in the text in this order.
func contains(text, sign string) bool {
	for part := range strings.SplitSeq(sign, "*") {
		at := strings.Index(text, part)
		if at < 0 {
			return false
		}
		text = text[at+len(part):]
	}
	return true
}

// IDs are the ids of all reasons, in the order of the rows.
func IDs() []string {
	var ids []string
	seen := map[string]bool{}
	for _, r := range append(append([]rule{}, rules...), facts...) {
		if !seen[r.id] && !r.planned {
			seen[r.id] = true
			ids = append(ids, r.id)
		}
	}
	return ids
}

func named(id string) Reason {
	for _, r := range facts {
		if r.id == id {
			return r.reason()
		}
	}
	return Reason{ID: id}
}

// other is the reason for a text that no row explains: it is quoted as evidence, and not interpreted.
func other(text string) Reason {
	if strings.HasPrefix(text, "CannotPull") {
		return named("task-image-failed")
	}
	return named("task-start-failed")
}

// exitReason names the usual meaning of an exit code. 126 and 127 are the shell's, codes above 128 a signal.
func exitReason(code int) Reason {
	r := named(exited)
	r.What = "exited with code " + meaning(code)
	return r
}

func meaning(code int) string {
	text := strconv.Itoa(code)
	switch code {
	case 126:
		return text + " (its command is not executable)"
	case 127:
		return text + " (its command was not found)"
	case 128 + 11:
		return text + " (segmentation fault)"
	case 128 + 6:
		return text + " (abort)"
	}
	return text
}
