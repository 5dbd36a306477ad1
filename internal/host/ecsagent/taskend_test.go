package ecsagent

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// endLines are lines of the agent, in the forms of its source, and of the reports that are named.
var endLines = map[string]struct{ lines, want string }{
	"a task that stopped (agent/api/statechange.go)": {
		`level=info time=2026-03-01T10:00:00Z msg="Sending state change to ECS" eventType="TaskStateChange" ` +
			`taskArn="arn:aws:ecs:eu-central-1:123456789012:task/prod/1a" taskStatus="STOPPED" taskReason="" ` +
			`containerChange-0="containerName=web containerStatus=STOPPED containerExitCode=137 containerReason=OutOfMemoryError: Container ` +
			`killed due to memory usage containerPortBindings=[{80 0 0.0.0.0 tcp}] containerKnownSentStatus=RUNNING ` +
			`containerRuntimeID=ab containerIsEssential=true" containerChange-1="containerName=side containerStatus=RUNNING"`,
		"1a web 137 OutOfMemoryError: Container killed due to memory usage, reported; 1a - - , reported",
	},
	"a container that stopped, in JSON": {
		`{"level":"info","time":"2026-03-01T10:00:00Z","msg":"Sending state change to ECS","eventType":"ContainerStateChange",` +
			`"taskArn":"arn:aws:ecs:eu-central-1:123456789012:task/prod/1a","containerName":"web","containerStatus":"STOPPED",` +
			`"exitCode":"3","reason":""}`,
		"1a web 3 , reported",
	},
	"a task that runs": {
		`level=info time=2026-03-01T10:00:00Z msg="Sending state change to ECS" eventType="TaskStateChange" taskArn="arn:x:task/1a" ` +
			`taskStatus="RUNNING"`,
		"",
	},
	"a secret (agent/engine/task_manager.go)": {
		`level=error time=2026-03-01T10:00:00Z msg="Failed to create task resource" task="1a" resource="ssmsecret" ` +
			`error="fetching secret data from SSM Parameter Store in eu-central-1: AccessDeniedException: no"`,
		"1a - - fetching secret data from SSM Parameter Store in eu-central-1: AccessDeniedException: no",
	},
	"a pull": {
		`level=error time=2026-03-01T10:00:00Z msg="Failed to pull image for container" task="1a" container="web" image="app:1" ` +
			`error="Error response from daemon: manifest for app:1 not found: manifest unknown"`,
		"1a web - CannotPullContainerError: Error response from daemon: manifest for app:1 not found: manifest unknown",
	},
	"a report that follows its error": {
		`level=error time=2026-03-01T09:59:59Z msg="Failed to pull image for container" task="1a" container="web" error="no such host"` + "\n" +
			`level=info time=2026-03-01T10:00:00Z msg="Sending state change to ECS" eventType="TaskStateChange" taskArn="arn:x:task/1a" ` +
			`taskStatus="STOPPED" taskReason="" containerChange-0="containerName=web containerStatus=STOPPED"`,
		"1a web - CannotPullContainerError: no such host, reported; 1a - - , reported",
	},
	"an error of the instance": {
		`level=error time=2026-03-01T10:00:00Z msg="Failed to connect to ACS" error="dial tcp: i/o timeout"`,
		"",
	},
	"an agent of 2018 (muccg/rdrf#617)": {
		"2026-03-01T10:00:00Z [WARN] Managed task [arn:aws:ecs:us-east-1:623124116694:task/b5daebc4]: error starting/provisioning " +
			"container[rdrfappcontainer]; marking its desired status as STOPPED: API error (500): failed to initialize logging driver: " +
			"ResourceNotFoundException: The specified log group does not exist.\n\tstatus code: 400, request id: 2831992f",
		"b5daebc4 rdrfappcontainer - API error (500): failed to initialize logging driver: ResourceNotFoundException: The specified log " +
			"group does not exist. status code: 400, request id: 2831992f",
	},
	"an agent of 2016 (amazon-ecs-agent#422)": {
		`2026-03-01T10:00:00Z [INFO] Sending container change module="eventhandler" event="ContainerChange: ` +
			`arn:aws:ecs:us-east-1:123:task/86a61fad owncloud -> STOPPED, Reason CannotPullContainerError: Tag latest not found in repository ` +
			`docker.io/library/owncloud, Known Sent: NONE" change="x"`,
		"86a61fad owncloud - CannotPullContainerError: Tag latest not found in repository docker.io/library/owncloud, reported",
	},
}

func TestTaskEnds(t *testing.T) {
	for name, c := range endLines {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "ecs-agent.log"), []byte(c.lines+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			ends, err := ReadTaskEnds(dir, time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), "")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range ends {
				container, code, reported := e.Container, "-", ""
				if container == "" {
					container = "-"
				}
				if e.ExitCode != nil {
					code = fmt.Sprint(*e.ExitCode)
				}
				if e.Reported {
					reported = ", reported"
				}
				got = append(got, e.Task+" "+container+" "+code+" "+e.Text+reported)
			}
			if diff := cmp.Diff(c.want, strings.Join(got, "; ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOldEndsAreLeftOut(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ecs-agent.log"), []byte(endLines["a pull"].lines+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ends, err := ReadTaskEnds(dir, time.Date(2026, 3, 1, 10, 0, 1, 0, time.UTC), "")
	if err != nil || len(ends) != 0 {
		t.Errorf("%v, %v", ends, err)
	}
}

func FuzzTaskEnds(f *testing.F) {
	for _, c := range endLines {
		f.Add(c.lines)
	}
	f.Fuzz(func(t *testing.T, line string) {
		e, ok := parseLine([]byte(line))
		if !ok {
			return
		}
		for _, end := range e.taskEnds() {
			if strings.ContainsAny(end.Text, "\n\r\x1b") {
				t.Errorf("%q", end.Text)
			}
		}
	})
}
