package ecsagent

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// agentLine returns a line as the agent prints it, following logfmtFormatter in
// ecs-agent/logger/log.go and Format in format.go. plainLine returns a seelog message, with
// the source file as module. initLine follows ecs-init/logger/log.go:logfmtFormatter.
func agentLine(second int, level, msg string, fields ...string) string {
	line := fmt.Sprintf("level=%s time=%s msg=%q", level, clock(second).Format(time.RFC3339), msg)
	for n := 0; n < len(fields); n += 2 {
		line += fmt.Sprintf(" %s=%q", fields[n], fields[n+1])
	}
	return line + "\n"
}

func plainLine(second int, level, msg string) string {
	return fmt.Sprintf("level=%s time=%s msg=%q module=agent.go\n", level, clock(second).Format(time.RFC3339), msg)
}

func initLine(second int, level, msg string) string {
	return fmt.Sprintf("level=%s time=%s msg=%q\n", level, clock(second).Format(time.RFC3339), msg)
}

func clock(second int) time.Time {
	return time.Date(2026, 1, 2, 15, 0, second, 0, time.UTC)
}

// logDir writes files from pairs of name and content, each with a modification time one minute after the previous one.
func logDir(t testing.TB, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for n := 0; n < len(files); n += 2 {
		path := filepath.Join(dir, files[n])
		if err := os.WriteFile(path, []byte(files[n+1]), 0o600); err != nil {
			t.Fatal(err)
		}
		at := clock(0).Add(time.Duration(n) * time.Minute)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func read(t *testing.T, dir string) Failures {
	t.Helper()
	failures, err := ReadLogs(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return failures
}

var (
	registeredLine = agentLine(10, "info", "Registered container instance with cluster!")
	notFound       = "operation error ECS: RegisterContainerInstance, https response error StatusCode: 400, RequestID: 0f1e, " +
		"ClientException: Cluster not found."
	refusal = "operation error ECS: RegisterContainerInstance, https response error StatusCode: 400, RequestID: 0f1e, api error " +
		"AccessDeniedException: " +
		"User: arn:aws:sts::123456789012:assumed-role/ecsInstanceRole/i-0a is not authorized to perform: ecs:RegisterContainerInstance on " +
		"resource: " +
		"arn:aws:ecs:eu-west-1:123456789012:cluster/prod because no identity-based policy allows the ecs:RegisterContainerInstance action"
)

// sdk is the preamble of aws-sdk-go-v2 around a failed request.
func sdk(cause string) string {
	return "operation error ECS: RegisterContainerInstance, exceeded maximum number of attempts, 3, https response error StatusCode: 0, " +
		"RequestID: , " +
		"request send failed, Post \"https://ecs.eu-west-1.amazonaws.com/\": " + cause
}

func TestCauseIsRecognized(t *testing.T) {
	registering := func(err string) string {
		return agentLine(20, "error", "Error registering container instance", "error", err)
	}
	for name, c := range map[string]struct{ line, want string }{
		"cluster not found": {registering(notFound), "cluster-not-found"},
		"cluster not found, newer code": {registering("operation error ECS: RegisterContainerInstance, ClusterNotFoundException: The " +
			"cluster is gone"), "cluster-not-found"},
		"cluster not found, SDK v1": {registering("ClientException: Cluster not found.\n\tstatus code: 400, request id: d7"),
			"cluster-not-found"},
		"cluster deleted": {registering("ClientException: The referenced cluster was inactive."), "cluster-deleted"},
		"saved cluster": {plainLine(20, "critical", "Unable to initialize new task engine: Data mismatch; saved cluster "+
			"'default' does not match configured cluster 'prod'. Perhaps you want to delete the configured checkpoint file?"), "stale-checkpoint"},
		"deregistered, at start": {agentLine(20, "error", "Error re-registering container instance", "error",
			"ClientException: Container instance "+registeredARN+" is inactive."), "agent-deregistered"},
		"deregistered, while running": {agentLine(20, "info", "Container instance is deregistered", "containerInstanceARN", registeredARN),
			"agent-deregistered"},
		"instance type changed": {plainLine(20, "critical", "The current instance type does not match the registered instance "+
			"type. Please revert the instance type change, or alternatively launch a new instance: InvalidParameterException: Container instance "+
			"type changes are not supported."), "instance-type-changed"},
		"cloud-init failed": {plainLine(20, "critical", "Cloud-init failure detected: cloud-init used DataSourceNone and "+
			"userdata exists on IMDS but was never executed. Userdata was not executed during instance boot. Refusing to start with potentially "+
			"incorrect config."), "agent-user-data-not-run"},
		"attributes are not JSON": {plainLine(20, "error", "Invalid format for ECS_INSTANCE_ATTRIBUTES. Expected a json hash: "+
			"invalid character 'x' looking for beginning of value"), "invalid-json-setting"},
		"tags are not JSON": {plainLine(20, "error", "Invalid format for ECS_CONTAINER_INSTANCE_TAGS. Expected a json hash: "+
			"unexpected end of JSON input"), "invalid-json-setting"},
		"config file is not JSON": {plainLine(20, "critical", "Error reading cfg json data, err unexpected EOF"),
			"invalid-json-setting"},
		"attributes not accepted": {agentLine(20, "critical", "Agent will terminally exit, unable to register container instance:",
			"error", "Attribute validation failed"), "invalid-attributes"},
		"too much reserved memory": {registering("api register-container-instance: reserved memory is higher than available memory " +
			"on the host, total memory: 900, reserved: 4096"), "reserved-memory-too-high"},
		"access denied": {registering(refusal), "access-denied"},
		"access denied to poll": {agentLine(20, "error", "ACS: Unable to discover poll endpoint", "error",
			"operation error ECS: DiscoverPollEndpoint, api error AccessDeniedException: no"), "access-denied"},
		"throttled": {registering("operation error ECS: RegisterContainerInstance, exceeded maximum number of " +
			"attempts, 3, api error ThrottlingException: Rate exceeded"), "throttled"},
		"throttled, by the SDK itself": {registering("failed to get rate limit token, retry quota exceeded, 0 available, 5 requested"),
			"throttled"},
		"unknown authority": {registering(sdk("tls: failed to verify certificate: x509: certificate signed by unknown " +
			"authority")), "agent-tls-untrusted"},
		"clock behind, by certificate": {registering(sdk("tls: failed to verify certificate: x509: certificate has expired or is not " +
			"yet valid: current time 2016-01-01T00:00:00Z is before 2025-01-01T00:00:00Z")), "agent-clock-skew"},
		"signature expired": {registering("operation error ECS: RegisterContainerInstance, api error " +
			"InvalidSignatureException: Signature expired: 20260102T150000Z is now earlier than 20260102T160000Z"), "agent-clock-skew"},
		"no such host": {registering(sdk("dial tcp: lookup ecs.eu-west-1.amazonaws.com on 10.0.0.2:53: no such host")),
			"agent-dns-failure"},
		"name server times out": {registering(sdk("dial tcp: lookup ecs.eu-west-1.amazonaws.com on 10.0.0.2:53: read udp " +
			"10.0.0.9:4->10.0.0.2:53: i/o timeout")), "agent-dns-failure"},
		"dial timeout": {registering(sdk("dial tcp 52.94.1.1:443: i/o timeout")), "network-timeout"},
		"dial timeout, SDK v1": {registering("RequestError: send request failed\ncaused by: Post " +
			"https://ecs.eu-west-1.amazonaws.com/: net/http: request canceled while waiting for connection"), "network-timeout"},
		"refused": {registering(sdk("dial tcp 10.0.0.7:3128: connect: connection refused")), "connection-refused"},
		"no role": {plainLine(20, "error", "Error getting valid credentials: failed to refresh cached credentials, "+
			"no EC2 IMDS role found, operation error ec2imds: GetMetadata, http response error StatusCode: 404, request to EC2 IMDS failed"),
			"no-credentials"},
		"no role, SDK v1": {plainLine(20, "error", "Error getting valid credentials: EC2RoleRequestError: no EC2 instance "+
			"role found"), "no-credentials"},
		"no provider, SDK v1": {registering("NoCredentialProviders: no valid providers in chain. Deprecated."), "no-credentials"},
		"metadata service times out": {plainLine(20, "error", "Error getting valid credentials: failed to refresh cached credentials, "+
			"no EC2 IMDS role found, operation error ec2imds: GetMetadata, request send failed, Get \"http://169.254.169.254/latest/\": dial tcp "+
			"169.254.169.254:80: i/o timeout"), "agent-imds-unreachable"},
		"metadata service, region": {plainLine(20, "critical", "Unable to communicate with EC2 Metadata service to infer region: EOF"),
			"agent-imds-unreachable"},
		"Docker down": {plainLine(20, "error", "DockerGoClient: Docker SDK client unable to ping Docker daemon. Ensure "+
			"Docker is running: Cannot connect"), "docker-unreachable"},
		"disk full": {plainLine(20, "error", "Failed to save agent metadata to disk (key: [cluster-name], value: "+
			"[prod]): write /data/agent.db: no space left on device"), "agent-disk-full"},
		"something else": {plainLine(20, "critical", "Unable to initialize the flux capacitor: permission"), "unrecognized"},
		"error among other fields, unquoted": {"level=error time=2026-01-02T15:00:20Z msg=\"Error registering container instance\" took=1m0s " +
			"tags=[{Key:a b=c}] error=\"ClientException: Cluster not found.\"\n", "cluster-not-found"},
		"JSON format": {`{"level":"error","time":"2026-01-02T15:00:20Z","logger":"structured","msg":"Error registering ` +
			`container instance","error":"ClientException: Cluster not found.","n":7}` + "\n", "cluster-not-found"},
	} {
		t.Run(name, func(t *testing.T) {
			got := read(t, logDir(t, "ecs-agent.log", registeredLine+c.line))
			if got.Cause.ID != c.want {
				t.Errorf("got %q, want %q, for %q", got.Cause.ID, c.want, got.Message)
			}
			if got.Cause.Summary == "" || got.Cause.Fix.IsZero() || len(got.Cause.Summary) > maxSummary {
				t.Errorf("no summary or fix: %+v", got.Cause)
			}
			if got.Line != 2 || filepath.Base(got.File) != "ecs-agent.log" || !got.Time.Equal(clock(20)) {
				t.Errorf("got %s:%d at %v", got.File, got.Line, got.Time)
			}
		})
	}
}

func TestDeniedActionIsNamed(t *testing.T) {
	deny := func(action string) string {
		return strings.ReplaceAll(refusal, "ecs:RegisterContainerInstance", action)
	}
	for text, want := range map[string]string{
		refusal:                                   "ecs:RegisterContainerInstance",
		deny("ecs:StartTelemetrySession"):         "ecs:StartTelemetrySession",
		deny("ecs:SubmitTaskStateChange"):         "ecs:SubmitTaskStateChange",
		deny("ecs:UpdateContainerInstancesState"): "ecs:UpdateContainerInstancesState",
		"operation error ECS: SubmitTaskStateChange, https response error StatusCode: 400, " +
			"api error AccessDeniedException: no": "ecs:SubmitTaskStateChange",
		"operation error ECS: Poll, api error AccessDeniedException: no": "ecs:Poll",
		"AccessDeniedException": "the action named in the message",
	} {
		r, values, _ := diagnose(text, activity{effect: Registration}, false)
		cause := r.cause(values)
		if !strings.Contains(cause.Summary, want) || !strings.Contains(cause.Fix.String(), want) ||
			strings.Contains(cause.Fix.String(), "{") {
			t.Errorf("%q: got %+v", text, cause)
		}
	}
}

func TestOnlyFailuresAfterTheRegistrationCount(t *testing.T) {
	bad := agentLine(5, "error", "Error registering container instance", "error", notFound)
	for name, c := range map[string]struct{ log, want string }{
		"registered since": {bad + registeredLine, ""},
		"registered since, agent 1.29": {bad + plainLine(10, "info", "Registration completed successfully. I am running as '"+
			registeredARN+"' in cluster 'prod'"), ""},
		"completed with an ARN": {bad + agentLine(10, "info", "Instance registration completed successfully", "instanceArn",
			registeredARN, "cluster", "prod"), ""},
		"gave up after an hour, without ARN": {bad + agentLine(10, "info", "Instance registration completed successfully", "instanceArn", "",
			"cluster", "prod"), "cluster-not-found"},
		"restored proves nothing": {bad + agentLine(10, "info", "Restored from checkpoint file", "containerInstanceARN",
			registeredARN), "cluster-not-found"},
		"polling proves nothing": {bad + agentLine(10, "info", "Beginning Polling for updates"), "cluster-not-found"},
		"no error at all":        {agentLine(10, "info", "Loading configuration"), ""},
		"errors about tasks are not trouble": {agentLine(10, "error", "Failed to pull image", "task", "web", "error",
			"AccessDeniedException"), ""},
		"older known error beats unknown one":    {bad + plainLine(10, "error", "Something new"), "cluster-not-found"},
		"unknown critical error beats older one": {bad + plainLine(10, "critical", "Something new"), "unrecognized"},
		"newest of several known": {bad + agentLine(10, "error", "Error registering container instance", "error", refusal),
			"access-denied"},
		"trouble after the registration": {registeredLine + agentLine(11, "info", "Container instance is deregistered"),
			"agent-deregistered"},
		"warnings are not trouble": {plainLine(10, "warn", "Unable to get Availability Zone ID for the Instance"), ""},
		"a registration quoted inside another": {bad + plainLine(10, "info", "note: Registered container instance with cluster!"),
			"cluster-not-found"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := read(t, logDir(t, "ecs-agent.log", c.log)); got.Cause.ID != c.want {
				t.Errorf("got %q (%s), want %q", got.Cause.ID, got.Message, c.want)
			}
		})
	}
}

func TestFailuresBeforeSinceAreIgnored(t *testing.T) {
	bad := agentLine(5, "error", "Error registering container instance", "error", notFound)
	exits := initLine(4, "info", "Agent exited with code 5") + initLine(8, "info", "Agent exited with code 1")
	dir := logDir(t, "ecs-agent.log", bad, "ecs-init.log", exits)
	notFound := Diagnosis{Cause: Cause{ID: "cluster-not-found"}}
	for since, want := range map[int]Failures{
		4: {Exits: 2, ExitCode: 1, Diagnosis: notFound},
		5: {Exits: 1, ExitCode: 1, Diagnosis: notFound},
		6: {Exits: 1, ExitCode: 1},
		9: {},
	} {
		got, err := ReadLogs(dir, Options{Since: clock(since)})
		if err != nil || got.Exits != want.Exits || got.ExitCode != want.ExitCode || got.Cause.ID != want.Cause.ID {
			t.Errorf("since %d: %+v, %v", since, got, err)
		}
	}
}

func TestExitsAreCountedSinceTheRegistration(t *testing.T) {
	supervisor := initLine(1, "info", "Agent exited with code 5") +
		initLine(12, "info", "Starting Amazon Elastic Container Service Agent") +
		initLine(13, "info", "Agent exited with code 1") + initLine(14, "warn", "ECS Agent failed to start, retrying in 547ms") +
		initLine(30, "info", "Agent exited with code 5") + initLine(30, "error", "agent exited with terminal exit code: 5")
	agent := registeredLine + agentLine(29, "error", "Error registering container instance", "error", notFound)
	dir := logDir(t, "ecs-agent.log", agent, "ecs-init.log", supervisor)
	want := Failures{Exits: 2, ExitCode: 5, LastExit: clock(30), Diagnosis: Diagnosis{Effect: Registration,
		Message: "Error registering container instance: " + notFound, File: filepath.Join(dir, "ecs-agent.log"), Line: 2, Time: clock(29)}}
	got := read(t, dir)
	if got.Cause.ID != "cluster-not-found" {
		t.Errorf("got %+v", got.Cause)
	}
	got.Cause = Cause{}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSupervisorLogExplainsAnAgentThatNeverStarted(t *testing.T) {
	for message, want := range map[string]string{
		"could not create docker client: Cannot connect to the Docker daemon at unix:///var/run/docker.sock": "docker-unreachable",
		"could not download Amazon Elastic Container Service Agent: " +
			"Get \"https://s3.eu-west-1.amazonaws.com/x\": i/o timeout": "agent-image-missing",
		"could not load Amazon Elastic Container Service Agent into Docker: " +
			"write /var/lib/docker/tmp/x: no space left on device": "agent-disk-full",
	} {
		got := read(t, logDir(t, "ecs-init.log", initLine(3, "info", "pre-start")+initLine(4, "error", message)))
		if got.Cause.ID != want || filepath.Base(got.File) != "ecs-init.log" || got.Line != 2 {
			t.Errorf("got %+v, want %s", got, want)
		}
	}
}

func FuzzLogs(f *testing.F) {
	f.Add([]byte(registeredLine + agentLine(11, "error", "x", "error", refusal)))
	f.Add([]byte("level=error time=2026-01-02T15:00:20Z msg=\"\\xff\x00\" =\"=\" error=\r\n\n{\"level\":1}"))
	f.Add(
		[]byte(
			"2019-07-31T05:00:48Z [ERROR] Could not register module=\"api client\" err=\"ClientException: Cluster not found.\n\tstatus code: " +
				"400\"\n",
		),
	)
	f.Add([]byte(`{"level":"error","time":"2024-10-01T06:24:05Z","msg":"a\x1bb","error":"` + notFound + `"` + "\n"))
	f.Fuzz(func(t *testing.T, log []byte) {
		last, left := int64(len(log)), budget{maxKept, maxScanned}
		for at, line := range backward(bytes.NewReader(log), int64(len(log)), &left) {
			if at < 0 || at+int64(len(line)) > last || !bytes.Equal(log[at:at+int64(len(line))], line) {
				t.Fatalf("%q is not the line at %d of %q", line, at, log)
			}
			last = at
		}
		dir := logDir(t, "ecs-agent.log", string(log), "ecs-init.log", string(log))
		got, err := ReadLogs(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range append(got.Minor, got.Diagnosis) {
			if strings.ContainsAny(s.Message+s.Cause.Summary, "\x1b\n\r\x00") || len(s.Cause.Summary) > maxSummary ||
				len(s.Message) > maxText+3 {
				t.Errorf("%+v", s)
			}
		}
	})
}
