package ecsagent

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"muster/internal/base/arn"
	"muster/internal/base/lazyregexp"
)

// TaskEnd is what the agent logged about the end of a task, or of one of its containers.
type TaskEnd struct {
	Task      string // the task's ID, which is the last part of its ARN
	Container string // name in the task definition; empty for the task itself
	Text      string // the reason or the error; empty if only an exit code was logged
	ExitCode  *int   // nil if none was logged
	Reported  bool   // the agent reported the end to ECS; otherwise it logged an error that may not have ended the task
	File      string
	Time      time.Time
}

// maxEnds limits the result: a failing service fills the log.
const maxEnds = 200

// ReadTaskEnds reads from the end of the agent's log how tasks have ended since the given time. The newest comes first,
// with one entry for each task and container. name is the file name of the log. An empty name means ecs-agent.log.
//
// The agent reports an end to ECS with the line "Sending state change to ECS". It contains the reason and the exit code
// of each container (agent/eventhandler/task_handler_types.go, since 1.71). Earlier errors are in separate lines
// (agent/engine/task_manager.go). Agents before 1.60 have only those.
func ReadTaskEnds(dir string, since time.Time, name string) ([]TaskEnd, error) {
	files, err := logFiles(dir, filepath.Base(cmp.Or(name, "ecs-agent.log")))
	defer closeAll(files)
	var ends []TaskEnd
	at := map[[2]string]int{}
	for where, e := range entries(files, false) {
		if e.time.Before(since) || len(ends) >= maxEnds {
			break
		}
		for _, end := range e.taskEnds() {
			end.File, end.Time = where.path, e.time
			key := [2]string{end.Task, end.Container}
			if i, known := at[key]; known {
				ends[i].Text = cmp.Or(ends[i].Text, end.Text)
				continue
			}
			at[key] = len(ends)
			ends = append(ends, end)
		}
	}
	if err != nil {
		err = fmt.Errorf("reading the ECS agent's log in %s: %w", dir, err)
	}
	return ends, err
}

// taskEnds returns the ends that an entry reports.
func (e entry) taskEnds() []TaskEnd {
	switch {
	case e.old:
		return e.oldTaskEnds()
	case e.msg == "Sending state change to ECS":
		return e.reportedEnds()
	}
	task, text := arn.Last(cmp.Or(e.fields["task"], e.fields["taskARN"], e.fields["taskArn"])), e.err
	if task == "" || text == "" || !endsTask(e.msg) {
		return nil
	}
	if strings.Contains(strings.ToLower(e.msg), "pull") && !strings.HasPrefix(text, "Cannot") {
		text = "CannotPullContainerError: " + text // the error's own text does not contain its name
	}
	return []TaskEnd{{Task: task, Container: cmp.Or(e.fields["container"], e.fields["containerName"]), Text: entry{msg: text}.text()}}
}

// endings are prefixes of error messages that end a task or prevent its start (agent/engine/task_manager.go,
// agent/engine/docker_task_engine.go).
var endings = []string{
	"Failed to pull image", "Error while pulling image", "Failed to find cached image", "Failed to fetch image manifest",
	"Unable to acquire ECR credentials", "Unable to acquire Docker registry credentials", "Error creating container",
	"Error starting/provisioning container", "Failed to create container", "Failed to create task resource",
	"Unable to configure pause container namespace", "Failed to start Firelens container", "Unable to add task to the engine",
}

func endsTask(message string) bool {
	return slices.ContainsFunc(endings, func(begin string) bool { return strings.HasPrefix(message, begin) })
}

// reportedEnds parses the fields of agent/api/statechange.go, ToFields.
func (e entry) reportedEnds() (ends []TaskEnd) {
	task := arn.Last(e.fields["taskArn"])
	if task == "" {
		return nil
	}
	for i := 0; ; i++ {
		change, is := e.fields["containerChange-"+strconv.Itoa(i)]
		if !is {
			break
		}
		if end, stopped := containerChange(change); stopped {
			end.Task = task
			ends = append(ends, end)
		}
	}
	switch {
	case e.fields["containerStatus"] == "STOPPED":
		ends = append(ends, TaskEnd{Task: task, Container: e.fields["containerName"], Text: oneLine(e.fields["reason"]),
			ExitCode: number(e.fields["exitCode"]), Reported: true})
	case e.fields["taskStatus"] == "STOPPED":
		ends = append(ends, TaskEnd{Task: task, Text: oneLine(e.fields["taskReason"]), Reported: true})
	}
	return ends
}

// containerChange parses agent/api/statechange.go, ContainerStateChange.String:
//
//	containerName=web containerStatus=STOPPED containerExitCode=137 containerReason=OutOfMemoryError: ... containerKnownSentStatus=...
func containerChange(text string) (TaskEnd, bool) {
	value := func(key string) string {
		_, rest, _ := strings.Cut(" "+text, " "+key+"=")
		word, _, _ := strings.Cut(rest, " ")
		return word
	}
	_, reason, _ := strings.Cut(text, " containerReason=")
	for _, after := range []string{" containerPortBindings=", " containerKnownSentStatus="} {
		reason, _, _ = strings.Cut(reason, after)
	}
	return TaskEnd{Container: value("containerName"), Text: oneLine(reason), ExitCode: number(value("containerExitCode")), Reported: true},
		value("containerStatus") == "STOPPED"
}

// Patterns for lines of agents before 1.60 (agent/engine/task_manager.go, agent/eventhandler, versions 1.17 to 1.59),
// such as
//
//	Managed task [arn:aws:ecs:...:task/1a]: error creating container [web]; marking its desired status as STOPPED: no such image
//	arn:aws:ecs:...:task/1a web -> STOPPED, Reason CannotPullContainerError: ..., Known Sent: NONE
var (
	oldError = lazyregexp.New(`(?i)(?:task engine|managed task) \[(arn:[^\]]+)\]: ` +
		`(?:error (?:transitioning|creating|starting/provisioning)|failed to pull image)[^\[]*\[([^\]]+)\][^:]*: (.+)$`)
	oldChange = lazyregexp.New(
		`(arn:\S+:task/\S+) (\S+) -> STOPPED(?:, Exit (\d+))?, (?:Ports \[[^\]]*\], )?Reason (.+?), Known Sent`)
)

func (e entry) oldTaskEnds() []TaskEnd {
	if m := oldChange.Get().FindStringSubmatch(e.msg + " " + e.tail); m != nil {
		return []TaskEnd{{Task: arn.Last(m[1]), Container: m[2], Text: oneLine(m[4]), ExitCode: number(m[3]), Reported: true}}
	}
	if m := oldError.Get().FindStringSubmatch(oneLine(e.msg)); m != nil {
		return []TaskEnd{{Task: arn.Last(m[1]), Container: m[2], Text: m[3]}}
	}
	return nil
}

func oneLine(text string) string { return truncate(entry{msg: text}.text()) }

func number(text string) *int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return nil
	}
	return &n
}
