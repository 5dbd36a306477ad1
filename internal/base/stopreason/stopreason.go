// Package stopreason explains why an ECS task did not start or stopped. It evaluates messages of the ECS agent, the
// Docker Engine and ECS, which the caller passes in. For example, it gets this message:
//
//	CannotPullContainerError: write /var/lib/docker/tmp/GetImageBlob1: no space left on device
//
// The rule with the sign "no space left on device" matches it. The reason is task-image-disk, and the instance's disk
// may be the cause. The rules are data in rules.go, each with the source of its signs. A message without a matching
// rule is quoted.
package stopreason

import (
	"strconv"
	"strings"

	"muster/internal/base/fix"
)

// Reason is why a task did not start or stopped.
type Reason struct {
	ID string // stable, kebab-case: the id of the finding
	// What continues a sentence that begins with the container's name: "could not be started: ...".
	What string
	Fix  fix.Fix
	// Planned is true if a deployment, a scaling activity or a user stopped the task.
	Planned bool
	// Origin is the part of the instance that may be the cause. If it is set, check the instance first.
	Origin Origin
}

// Origin is the part of an instance that may be the cause of a task's failure.
type Origin string

// Origins. The zero Origin means that the cause is in the task: its image, its definition or its role.
const (
	Disk    Origin = "disk"
	DNS     Origin = "dns"
	Network Origin = "network" // the path from the instance to a registry or an AWS service
	Docker  Origin = "docker"  // the Engine is slow or broken
	Memory  Origin = "memory"  // of the host
)

// Facts holds what is known about the end of a task or of one of its containers. Unknown fields are zero.
type Facts struct {
	// Text is a message of the ECS agent, Docker or ECS: a stoppedReason, a container's reason, or an error.
	Text string
	// StopCode is the stopCode from ecs:DescribeTasks, such as EssentialContainerExited.
	StopCode string
	// ExitCode is the exit code of the container, or nil if unknown.
	ExitCode *int
	// OOMKilled is Docker's OOMKilled: the kernel killed a process of the container because memory ran out.
	OOMKilled bool
	// Stopped is true if a stop of the container was requested before it exited.
	Stopped bool
}

const (
	sigkill = 128 + 9
	sigterm = 128 + 15
)

// Of explains the facts. It returns false if they show no failure: an exit with code 0, an exit after SIGTERM, or a
// planned stop.
//
// Exit code 137 (SIGKILL) has three possible explanations: out of memory if Docker or the ECS agent reports that, the
// stop timeout if the container was being stopped, and otherwise an unknown sender of the signal.
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

// unexplained returns the reason for a task that has no container with a known exit code.
func unexplained(f Facts, r Reason, known bool) (Reason, bool) {
	switch {
	case known && r.ID == exited && !r.Planned:
		return r, true
	case known, f.Text == "", plannedCode(f.StopCode):
		return Reason{}, false
	}
	return other(f.Text), true
}

// plannedCode reports whether a stopCode means that the stop was requested. ServiceSchedulerInitiated also covers tasks
// that failed a health check. In that case the stoppedReason names the health check.
func plannedCode(code string) bool {
	return code == "UserInitiated" || code == "ServiceSchedulerInitiated"
}

// textual returns the reason of the first rule that has a sign in the text.
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

// contains reports whether the text contains the parts of a sign, separated by "*", in order.
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

// IDs returns the ids of all reasons, in the order of the rules.
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

// other returns the reason for a text without a matching rule. The text is quoted as evidence and not interpreted.
func other(text string) Reason {
	if strings.HasPrefix(text, "CannotPull") {
		return named("task-image-failed")
	}
	return named("task-start-failed")
}

// exitReason returns the usual meaning of an exit code. 126 and 127 come from the shell. Codes above 128 mean a signal.
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
