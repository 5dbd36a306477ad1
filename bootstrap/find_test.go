package bootstrap

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/bootstrap/bootreport"
	"muster/internal/awsapi"
	"muster/internal/base/exitcode"
	"muster/internal/config"
	"muster/internal/instance/record"
	"muster/internal/sandbox"
)

func inGroup(tags map[string]string) *sandbox.Group {
	return &sandbox.Group{Name: "workers", Tags: tags}
}

func TestClusterIsFoundInEachSource(t *testing.T) {
	t.Parallel()
	tag := map[string]string{"muster:cluster": "prod"}
	for name, test := range map[string]struct {
		opts   sandbox.Options
		set    func(*config.Set)
		origin string
		write  string
		calls  int
	}{
		"by flag": {set: func(s *config.Set) { s.Flags["MUSTER_CLUSTER"] = "prod" }, origin: "flag --cluster", calls: 1},
		"by environment": {set: func(s *config.Set) { s.Environ = append(s.Environ, "MUSTER_CLUSTER=prod") },
			origin: "environment MUSTER_CLUSTER", calls: 1},
		"by file": {set: func(s *config.Set) {
			s.File, _ = config.ParseFile(config.FilePath, []byte("\nMUSTER_CLUSTER=prod\n"))
		}, origin: "file /etc/muster/muster.env:2", calls: 1},
		"by ARN": {set: func(s *config.Set) { s.Flags["MUSTER_CLUSTER"] = clusterARN + "prod" },
			origin: "flag --cluster", write: clusterARN + "prod", calls: 1},
		"by instance tag": {opts: sandbox.Options{InstanceTags: tag, TagsInIMDS: true}, origin: "instance tag muster:cluster",
			calls: 1},
		"by the group's tag": {opts: sandbox.Options{Group: inGroup(tag)},
			origin: "tag muster:cluster of Auto Scaling group workers", calls: 3},
		"by the group's tag, group from IMDS": {opts: sandbox.Options{Group: inGroup(tag), TagsInIMDS: true},
			origin: "tag muster:cluster of Auto Scaling group workers", calls: 2},
		// The API accepts white space around a tag's value, and templates often produce it.
		"by a tag with blanks around it": {opts: sandbox.Options{InstanceTags: map[string]string{"muster:cluster": "\u00a0prod \r"},
			TagsInIMDS: true}, origin: "instance tag muster:cluster", calls: 1},
		"by a group's tag with blanks around it": {opts: sandbox.Options{Group: inGroup(map[string]string{"muster:cluster": " prod\n"})},
			origin: "tag muster:cluster of Auto Scaling group workers", calls: 3},
		"by another tag": {opts: sandbox.Options{InstanceTags: map[string]string{"ecs": "prod"}, TagsInIMDS: true},
			set: func(s *config.Set) { s.Flags["MUSTER_CLUSTER_TAG"] = "ecs" }, origin: "instance tag ecs", calls: 1},
		"flag before environment, file and tag": {opts: sandbox.Options{InstanceTags: map[string]string{"muster:cluster": "no"},
			TagsInIMDS: true}, set: func(s *config.Set) {
			s.File, _ = config.ParseFile(config.FilePath, []byte("MUSTER_CLUSTER=no\n"))
			s.Environ = append(s.Environ, "MUSTER_CLUSTER=no")
			s.Flags["MUSTER_CLUSTER"] = "prod"
		}, origin: "flag --cluster", calls: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := boot(t, test.opts)
			if test.set != nil {
				test.set(&m.host.Settings)
			}
			m.mustConfigure()
			want := "prod"
			if test.write != "" {
				want = test.write
			}
			if got := m.read(ecsConfig); got != "ECS_CLUSTER="+want+"\n" {
				t.Errorf("ecs.config: %q", got)
			}
			rec, err := record.Read(m.path("var/lib/muster/instances/" + instanceID))
			if err != nil || rec.Cluster != want || rec.ClusterOrigin != test.origin {
				t.Errorf("recorded %q from %q, %v; want it from %q", rec.Cluster, rec.ClusterOrigin, err, test.origin)
			}
			if n := m.CallCount("", ""); n != test.calls {
				t.Errorf("%d AWS calls, want %d", n, test.calls)
			}
		})
	}
}

func TestWithoutAUsableClusterNothingIsWritten(t *testing.T) {
	t.Parallel()
	tagged := func(value string) sandbox.Options {
		return sandbox.Options{InstanceTags: map[string]string{"muster:cluster": value}, TagsInIMDS: true}
	}
	for name, test := range map[string]struct {
		opts    sandbox.Options
		cluster string
		fault   sandbox.Fault
		code    int
		says    []string
	}{
		"none, in no group": {code: 78, says: []string{"no cluster is set", "--cluster", "MUSTER_CLUSTER", "/etc/muster/muster.env",
			"in no Auto Scaling group"}},
		"none, in a group": {opts: sandbox.Options{Group: inGroup(nil)}, code: 78, says: []string{"workers has no such tag"}},
		"the group cannot be asked": {opts: sandbox.Options{Group: inGroup(nil)}, fault: sandbox.AccessDenied(sandbox.AutoScaling, ""),
			code: 3, says: []string{"autoscaling:DescribeAutoScalingInstances is not allowed"}},
		"its tags cannot be asked for": {opts: sandbox.Options{Group: inGroup(nil)}, fault: sandbox.AccessDenied(sandbox.AutoScaling,
			"DescribeTags"), code: 3, says: []string{"autoscaling:DescribeTags"}},
		"empty":       {cluster: " ", code: 78, says: []string{"letters, digits"}},
		"a blank tag": {opts: tagged(" \u00a0"), code: 78, says: []string{"instance tag muster:cluster", "the name is empty"}},
		"a tag with a comment": {opts: tagged("prod # main"), code: 78, says: []string{"instance tag muster:cluster",
			"muster bootstrap --cluster prod"}},
		"an ARN of another account": {cluster: "arn:aws:ecs:eu-central-1:210987654321:cluster/prod", code: 78, says: []string{"210987654321",
			"123456789012", "own account", "muster bootstrap --cluster prod"}},
		"quoted":         {cluster: `"prod"`, code: 78, says: []string{"quoted", "flag --cluster"}},
		"over-long":      {cluster: strings.Repeat("x", 256), code: 78, says: []string{"256 characters"}},
		"not ASCII":      {cluster: "pröd", code: 78, says: []string{`"pr\u00f6d"`}},
		"an invalid ARN": {cluster: "arn:aws:ecs:prod", code: 78, says: []string{"not an ECS cluster ARN"}},
		"an ARN of another region": {cluster: "arn:aws:ecs:us-east-1:123456789012:cluster/prod", code: 78, says: []string{"us-east-1", region,
			"own region"}},
		"unknown": {cluster: "prdo", code: 78, says: []string{"no cluster prdo in region eu-central-1",
			"did you mean prod?"}},
		"unknown and unlike any": {cluster: "qqqqqqqqqq", code: 78, says: []string{"existing clusters: prod, default"}},
		"unknown, none exist": {opts: sandbox.Options{Clusters: []string{}}, cluster: "prdo", code: 78,
			says: []string{"this account has no cluster in this region"}},
		"unknown, list denied": {cluster: "prdo", fault: sandbox.AccessDenied(sandbox.ECS, "ListClusters"), code: 78,
			says: []string{"aws ecs list-clusters --region eu-central-1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := boot(t, test.opts)
			m.put(ecsConfig, "# mine\n")
			if test.cluster != "" {
				m.set("CLUSTER", test.cluster)
			}
			if test.fault.Kind != 0 {
				m.Inject(test.fault)
			}
			err := m.configure()
			wantExit(t, err, test.code)
			wantText(t, whole(err), test.says...)
			if got := m.read(ecsConfig); got != "# mine\n" {
				t.Errorf("ecs.config was written: %q", got)
			}
			wantCalls(t, m.systemd.did(), "mask ecs.service")
		})
	}
}

func TestOnlyAMissingClusterIsRejected(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod")
	m.SetCluster("prod", "INACTIVE")
	err := m.configure()
	wantExit(t, err, exitcode.BadConfiguration)
	wantText(t, whole(err), "INACTIVE", "create-cluster --cluster-name prod")
	m.SetCluster("prod", "PROVISIONING")
	m.mustConfigure()
	wantText(t, m.log.String(), "PROVISIONING")
}

func TestUnconfirmedClusterIsUsed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault sandbox.Fault
		says  string
	}{
		"denied":      {sandbox.AccessDenied(sandbox.ECS, ""), "ecs:DescribeClusters is not allowed"},
		"throttled":   {sandbox.Throttled(sandbox.ECS, "", 0), "request rate"},
		"expired":     {sandbox.ExpiredToken(sandbox.ECS, ""), "no valid credentials"},
		"clock skew":  {sandbox.ClockSkew(sandbox.ECS, time.Hour), "clock of this instance is wrong"},
		"hanging":     {sandbox.Fault{Service: sandbox.ECS, Hang: true}, "no response from AWS in time"},
		"reset":       {sandbox.Fault{Service: sandbox.ECS, Reset: true}, "the connection was closed before the response"},
		"half":        {sandbox.Fault{Service: sandbox.ECS, Cut: true}, "not confirmed"},
		"garbage":     {sandbox.Fault{Service: sandbox.ECS, Body: "<html>"}, "not confirmed"},
		"server down": {sandbox.ServerError(sandbox.ECS, "", 0), "not confirmed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := boot(t, sandbox.Options{}).set("CLUSTER", "prod")
			m.Inject(test.fault)
			if test.fault.Hang {
				m.impatient()
			}
			m.mustConfigure()
			wantText(t, m.log.String(), "level=WARN", "not confirmed", test.says)
			if got := m.read(ecsConfig); got != "ECS_CLUSTER=prod\n" {
				t.Errorf("ecs.config: %q", got)
			}
		})
	}
}

func TestIMDSFailuresAreUndeterminedAndExplained(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault sandbox.Fault
		says  string
	}{
		"hop limit": {sandbox.HopLimit(), "hop limit"},
		"slow":      {sandbox.Fault{Service: sandbox.IMDS, Delay: time.Minute}, "no response in time"},
		"disabled":  {sandbox.IMDSDisabled(), "--http-endpoint enabled"},
		"401":       {sandbox.Fault{Service: sandbox.IMDS, Action: "/latest/dynamic", Status: 401}, "HTTP status 401"},
		"404":       {sandbox.Fault{Service: sandbox.IMDS, Action: "/latest/dynamic", Status: 404}, "does not have this path"},
		"500":       {sandbox.Fault{Service: sandbox.IMDS, Status: 500}, "HTTP status 500"},
		"garbage":   {sandbox.Fault{Service: sandbox.IMDS, Action: "/latest/dynamic", Body: "<html>"}, "identity document"},
		"half":      {sandbox.Fault{Service: sandbox.IMDS, Action: "/latest/dynamic", Cut: true}, "Something other than the metadata service"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := boot(t, sandbox.Options{}).set("CLUSTER", "prod").impatient()
			m.Inject(test.fault)
			err := m.configure()
			wantExit(t, err, exitcode.Undetermined)
			wantText(t, whole(err), "instance metadata service at", test.says)
			wantCalls(t, m.systemd.did(), "mask ecs.service")
			m.systemd.forget()
			report, err := m.verify()
			wantExit(t, err, exitcode.Undetermined)
			wantOutcome(t, report, bootreport.Undetermined, "")
			wantCalls(t, m.systemd.did())
		})
	}
	t.Run("absent", func(t *testing.T) {
		t.Parallel()
		m := boot(t, sandbox.Options{}).set("CLUSTER", "prod").impatient()
		m.IMDSDown()
		err := m.configure()
		wantExit(t, err, exitcode.Undetermined)
		wantText(t, whole(err), "connection refused", "not an EC2 instance")
		wantText(t, m.read("var/lib/muster/instances/unknown/report.json"), `"outcome": "undetermined"`)
	})
}

func TestVerifyWaitsForIMDS(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod")
	m.IMDSDown()
	m.IMDSUpAfter(150 * time.Millisecond)
	m.mustConfigure()
	if diff := cmp.Diff("ECS_CLUSTER=prod\n", m.read(ecsConfig)); diff != "" {
		t.Error(diff)
	}
}

func TestUnreadableTagIsNotMissing(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{Group: inGroup(map[string]string{"muster:cluster": "prod"})}).impatient()
	m.Inject(sandbox.Fault{Service: sandbox.IMDS, Action: "/latest/meta-data/tags", Status: 500})
	err := m.configure()
	wantExit(t, err, exitcode.Undetermined)
	wantText(t, whole(err), "instance tag muster:cluster")
}

func TestInvalidSettingsHoldTheAgentBack(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{})
	m.host.Settings.Environ = append(m.host.Settings.Environ, "MUSTER_CLUSTR=prod")
	err := m.configure()
	wantExit(t, err, exitcode.BadConfiguration)
	wantText(t, whole(err), "did you mean MUSTER_CLUSTER")
	wantCalls(t, m.systemd.did(), "mask ecs.service")
	wantText(t, m.read("dev/console"), "misconfigured", "MUSTER_CLUSTR")

	m.set("ROOT", "relative") // an invalid root is not changed
	m.systemd.forget()
	wantExit(t, m.configure(), exitcode.BadConfiguration)
	wantCalls(t, m.systemd.did())
}

func TestUnusableAWSConfigurationDoesNotPanic(t *testing.T) {
	t.Parallel()
	m := boot(t, sandbox.Options{}).set("CLUSTER", "prod", "CFN_STACK", "s", "CFN_RESOURCE", "r", "LIFECYCLE_HOOK", "h")
	m.host.AWS = brokenAWS
	wantExit(t, m.configure(), exitcode.BadConfiguration)
	_, err := m.verify()
	wantExit(t, err, exitcode.BadConfiguration)
	wantText(t, whole(err), errAWS.Error())
}

var errAWS = errors.New("reading the AWS configuration: no")

// brokenAWS fails like a constructor that returns a typed nil pointer.
func brokenAWS(context.Context, string) (AWS, error) {
	var none *awsapi.Client
	return none, errAWS
}
