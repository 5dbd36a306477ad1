// Package config is muster's one Config struct: every setting, its default,
// and where its value came from. A value is taken from the first of: flags,
// the environment, what bootstrap recorded on this instance, the file
// /etc/muster/muster.env, the default (docs/adr/0004 says why the record is
// among them). What a setting means to a phase is not decided here.
package config

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"muster/internal/base/balancer"
	"muster/internal/gate"
	"muster/reach"
)

// Prefix begins the name of every environment variable of muster's.
const Prefix = "MUSTER_"

// leastAfter is the shortest MUSTER_UNHEALTHY_AFTER.
const leastAfter = 5 * time.Minute

// A namespace is as the CloudWatch API reference has it (PutMetricData); the
// services of AWS have AWS/ to themselves.
const maxNamespace = 255

var namespaceForm = regexp.MustCompile(`^[0-9A-Za-z.\-_/#]*$`)

// Config holds every setting. A field's variable is Prefix and its name in
// words, CFNStack being MUSTER_CFN_STACK; its flag is the same in kebab case.
// The tags are read by Settings: desc says what it is, in names the commands
// that have it as a flag, and record:"true" marks what bootstrap hands on to
// the units.
type Config struct {
	Cluster           string        `split_words:"true" in:"bootstrap verify ports agent check debug" record:"true" desc:"Name or ARN of the ECS cluster."`
	ClusterTag        string        `split_words:"true" default:"muster:cluster" in:"bootstrap" desc:"Tag that names the cluster if no other setting does. It is read from the instance (through IMDS), then from its Auto Scaling group."`
	ECS               ECSSettings   `split_words:"true" in:"bootstrap" desc:"Other settings for ecs.config: KEY=VALUE, separated by spaces. The flag can be repeated."`
	ResetStaleState   bool          `split_words:"true" in:"bootstrap" desc:"Move agent.db aside if it names another cluster for this instance. The ECS agent would refuse to start with it."`
	Timeout           time.Duration `split_words:"true" default:"10m" in:"bootstrap verify" record:"true" desc:"How long verify waits for the registration. Signals are retried for the time that is left, and for at least 2m (or for the same time again, if it is shorter)."`
	OnFailure         OnFailure     `split_words:"true" default:"report" in:"bootstrap verify" record:"true" desc:"Action if the instance does not register: report (exit with an error), abandon (also complete the launch hook with ABANDON) or unhealthy (also mark the instance unhealthy)."`
	LifecycleHook     string        `split_words:"true" in:"bootstrap verify" record:"true" desc:"Launch lifecycle hook to keep waiting with heartbeats, and to complete at the end. Empty: no hook is completed."`
	CFNStack          string        `split_words:"true" in:"bootstrap verify" record:"true" desc:"Name or ID of the CloudFormation stack to signal."`
	CFNResource       string        `split_words:"true" in:"bootstrap verify" record:"true" desc:"Logical ID of the resource in that stack that waits for the signal."`
	CFNAuth           CFNAuth       `split_words:"true" default:"identity" in:"bootstrap verify" record:"true" desc:"Authorization of the signal: identity (the instance identity document, no IAM permission) or sigv4 (needs cloudformation:SignalResource)."`
	Ports             string        `split_words:"true" in:"bootstrap verify ports agent check debug" record:"true" desc:"Replication ports that peers must reach on each other: profiles and ports, such as ignite2,tcp/9000-9009. Empty: verify and agent check no ports, and muster ports checks ignite2."`
	PortsPolicy       PortsPolicy   `split_words:"true" default:"warn" in:"bootstrap verify" record:"true" desc:"Effect of a closed port on verify: warn, fail (verify fails) or ignore (ports are not checked)."`
	Balancer          string        `split_words:"true" in:"bootstrap verify ports agent check debug" record:"true" desc:"Load balancers that must reach the target ports: names, ARNs or private addresses, separated by commas."`
	TargetPort        string        `split_words:"true" default:"dynamic" in:"bootstrap verify ports agent check debug" record:"true" desc:"Ports that the load balancer connects to, for traffic and health checks: ports, ranges, or dynamic (any host port that is assigned for hostPort 0), separated by commas."`
	Gate              string        `split_words:"true" in:"bootstrap verify agent" record:"true" desc:"Attribute of this container instance to set to open after its replication ports are proved open, and to closed when they close, such as muster.ports. A placement constraint can require it. Empty: none is set."`
	Report            string        `split_words:"true" in:"verify" record:"true" desc:"File for the JSON report of verify, readable by root only. Empty: report.json in the instance's directory below the state directory."`
	Console           string        `split_words:"true" default:"/dev/console" in:"verify" record:"true" desc:"Device for the one-line result of verify, so that get-console-output shows it. Empty: none."`
	IMDSTimeout       time.Duration `split_words:"true" default:"2m" in:"bootstrap verify" record:"true" desc:"How long to wait for the instance metadata service."`
	IntrospectionURL  string        `split_words:"true" default:"http://127.0.0.1:51678" in:"verify ports agent check debug" record:"true" desc:"URL of the ECS agent's introspection server."`
	DockerHost        string        `split_words:"true" default:"unix:///var/run/docker.sock" in:"verify ports agent check debug" record:"true" desc:"Docker Engine. muster only reads from it."`
	DockerProxy       string        `split_words:"true" in:"agent" record:"false" desc:"Socket of the read-only Docker proxy, set by muster-agent.service. It is used unless MUSTER_DOCKER_HOST is not the default. Empty: the agent connects to the Docker Engine directly."`
	WatchPeriod       time.Duration `split_words:"true" default:"1m" in:"agent" record:"true" desc:"How often the agent checks the registration."`
	Namespace         string        `split_words:"true" default:"Muster" in:"agent" record:"true" desc:"CloudWatch namespace of the metrics. Empty: no metrics are published."`
	Dimensions        Dimensions    `split_words:"true" in:"agent" record:"true" desc:"Additional metrics per container, per instance, or both (container,instance). CloudWatch bills each container and instance separately (docs/reference/metrics.md)."`
	EventBus          string        `split_words:"true" in:"agent" record:"true" desc:"Name or ARN of the EventBridge bus for transitions. Empty: transitions go to the journal only."`
	SpoolDir          string        `split_words:"true" default:"/var/lib/muster-agent/spool" in:"agent" record:"true" desc:"Directory for minutes that are not yet published."`
	SpoolMax          Size          `split_words:"true" default:"64MB" in:"agent" record:"true" desc:"Maximum size of the spool. The oldest minutes are dropped first."`
	PortsPeriod       time.Duration `split_words:"true" default:"1h" in:"agent" record:"true" desc:"How often the agent evaluates the rules for the replication ports, if any are set."`
	UnhealthyAfter    time.Duration `split_words:"true" default:"0s" in:"agent" record:"true" desc:"Have the Auto Scaling group replace this instance after ECS has reported it disconnected for this long (at least 5m). 0s: never."`
	UnhealthyMaxShare int           `split_words:"true" default:"10" in:"agent" record:"true" desc:"Maximum percentage of the Auto Scaling group that may be out of service at once through such replacements. One instance always may, unless it is the last."`
	AgentState        string        `split_words:"true" default:"/run/muster-agent/state.json" in:"agent status" record:"true" desc:"The agent's state file, read by muster status and muster check."`
	Root              string        `split_words:"true" default:"/" in:"bootstrap verify ports agent status check debug" record:"false" desc:"Root of the file system to work on, for images that are not booted."`
	ECSConfig         string        `split_words:"true" default:"/etc/ecs/ecs.config" in:"bootstrap check debug" record:"true" desc:"Configuration file of the ECS agent."`
	ECSDataDir        string        `split_words:"true" default:"/var/lib/ecs/data" in:"bootstrap check debug" record:"true" desc:"Directory of agent.db."`
	ECSLogDir         string        `split_words:"true" default:"/var/log/ecs" in:"verify check debug" record:"true" desc:"Directory of the ECS agent's logs."`
	StateDir          string        `split_words:"true" default:"/var/lib/muster" in:"bootstrap verify ports agent check debug" record:"false" desc:"State directory of muster, with a directory for each instance ID."`

	origins map[string]Origin
}

// Origin is where a value came from.
type Origin struct {
	Layer string `json:"layer"`           // flag, environment, record, file, default
	Where string `json:"where,omitempty"` // --cluster, MUSTER_CLUSTER, /etc/muster/muster.env:3
}

func (o Origin) String() string {
	if o.Where == "" {
		return o.Layer
	}
	return o.Layer + " " + o.Where
}

// The layers that a value can come from, strongest first.
const (
	LayerFlag        = "flag"
	LayerEnvironment = "environment"
	LayerRecord      = "record"
	LayerFile        = "file"
	LayerDefault     = "default"
)

// Origin tells where the value of the variable (MUSTER_CLUSTER) came from.
func (c *Config) Origin(variable string) Origin {
	if o, ok := c.origins[variable]; ok {
		return o
	}
	return Origin{Layer: LayerDefault}
}

// Path places a path of the instance's below the root that muster works on.
func (c *Config) Path(path string) string { return filepath.Join(c.Root, path) }

// InstanceDir is where muster keeps what it knows of one instance.
func (c *Config) InstanceDir(instanceID string) string {
	return filepath.Join(c.Path(c.StateDir), "instances", instanceID)
}

// ReportPath is where verify's report of one instance goes.
func (c *Config) ReportPath(instanceID string) string {
	if c.Report != "" {
		return c.Path(c.Report)
	}
	return filepath.Join(c.InstanceDir(instanceID), "report.json")
}

// Record is what the units that bootstrap starts must know of the flags and
// variables that bootstrap itself was given.
func (c *Config) Record() map[string]string {
	record := map[string]string{}
	for _, s := range Settings() {
		if layer := c.Origin(s.Variable).Layer; s.Recorded && layer != LayerFile && layer != LayerDefault {
			record[s.Variable] = s.value(c)
		}
	}
	return record
}

// check refuses what no phase could work with.
func (c *Config) check() error {
	var errs []error
	bad := func(variable, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s: "+format, append([]any{c.Origin(variable), variable}, args...)...))
	}
	if c.Cluster == "" && c.Origin("MUSTER_CLUSTER").Layer != LayerDefault {
		bad("MUSTER_CLUSTER", "it is set, but empty: name the cluster, or leave the setting away")
	}
	if (c.CFNStack == "") != (c.CFNResource == "") {
		bad("MUSTER_CFN_STACK", "a signal needs both the stack (--cfn-stack) and the resource (--cfn-resource); only one is set")
	}
	for variable, d := range map[string]time.Duration{"MUSTER_TIMEOUT": c.Timeout, "MUSTER_IMDS_TIMEOUT": c.IMDSTimeout, "MUSTER_WATCH_PERIOD": c.WatchPeriod} {
		if d <= 0 {
			bad(variable, "%s is not above zero", d)
		}
	}
	if c.PortsPeriod < time.Minute {
		bad("MUSTER_PORTS_PERIOD", "%s is less than a minute: a look takes API calls that the account shares", c.PortsPeriod)
	}
	if c.UnhealthyAfter != 0 && c.UnhealthyAfter < leastAfter {
		bad("MUSTER_UNHEALTHY_AFTER", "%s is less than %s: ECS agents lose their connection for minutes, several times an hour, and come back", c.UnhealthyAfter, duration(leastAfter))
	}
	if c.UnhealthyMaxShare < 1 || c.UnhealthyMaxShare > 100 {
		bad("MUSTER_UNHEALTHY_MAX_SHARE", "%d is no percentage from 1 to 100", c.UnhealthyMaxShare)
	}
	if len(c.Namespace) > maxNamespace || !namespaceForm.MatchString(c.Namespace) || strings.HasPrefix(c.Namespace, "AWS/") {
		bad("MUSTER_NAMESPACE", "%+.40q is no CloudWatch namespace: up to 255 letters, digits and .-_/#, not beginning with AWS/", c.Namespace)
	}
	if u, err := url.Parse(c.IntrospectionURL); err == nil && u.User != nil {
		bad("MUSTER_INTROSPECTION_URL", "the URL has a user or a password: the ECS agent knows none, and settings are readable by everybody")
	} else if err != nil || u.Scheme != "http" || u.Host == "" {
		bad("MUSTER_INTROSPECTION_URL", "%q is no URL such as http://127.0.0.1:51678", c.IntrospectionURL)
	}
	if _, _, err := reach.ParsePorts(c.Ports); c.Ports != "" && err != nil {
		bad("MUSTER_PORTS", "%v", err)
	}
	if c.Gate != "" {
		if err := gate.CheckName(c.Gate); err != nil {
			bad("MUSTER_GATE", "%v", err)
		}
	}
	if _, err := balancer.Parse(c.Balancer); err != nil {
		bad("MUSTER_BALANCER", "%v", err)
	}
	if _, err := reach.ParseTargets(c.TargetPort); err != nil {
		bad("MUSTER_TARGET_PORT", "%v", err)
	}
	for variable, path := range map[string]string{"MUSTER_ROOT": c.Root, "MUSTER_ECS_CONFIG": c.ECSConfig, "MUSTER_ECS_DATA_DIR": c.ECSDataDir, "MUSTER_ECS_LOG_DIR": c.ECSLogDir, "MUSTER_STATE_DIR": c.StateDir, "MUSTER_SPOOL_DIR": c.SpoolDir, "MUSTER_AGENT_STATE": c.AgentState} {
		if !filepath.IsAbs(path) {
			bad(variable, "%q is not an absolute path", path)
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

// Set is what the flags, the environment and the files say, before it is one
// Config.
type Set struct {
	Flags   map[string]string // by variable
	Environ []string          // as os.Environ gives it
	Record  map[string]string // by variable; nil before the instance is known
	File    File
	Bad     error // why the file could not be read: nothing may be loaded then
}

// Only is the set with these variables alone, and without what was bad.
func (s Set) Only(variables ...string) Set {
	drop := func(variable, _ string) bool { return !slices.Contains(variables, variable) }
	s.Flags, s.Record, s.File.Values = maps.Clone(s.Flags), maps.Clone(s.Record), maps.Clone(s.File.Values)
	for _, layer := range []map[string]string{s.Flags, s.Record, s.File.Values} {
		maps.DeleteFunc(layer, drop)
	}
	s.Environ = slices.DeleteFunc(slices.Clone(s.Environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return drop(name, "")
	})
	s.Bad = nil
	return s
}

// merge lays the layers over each other. Settings for ecs.config are merged
// key by key: what a stronger layer says of one key leaves the others alone.
func (s Set) merge() (map[string]string, map[string]Origin) {
	values, origins := map[string]string{}, map[string]Origin{}
	lay := func(layer map[string]string, origin func(variable string) Origin) {
		for _, variable := range slices.Sorted(maps.Keys(layer)) {
			value := layer[variable]
			if below := values[variable]; variable == "MUSTER_ECS" && below != "" {
				value = below + "\n" + value
			}
			values[variable], origins[variable] = value, origin(variable)
		}
	}
	lay(s.File.Values, func(v string) Origin { return Origin{LayerFile, s.File.where(v)} })
	lay(s.Record, func(string) Origin { return Origin{LayerRecord, "of bootstrap on this instance"} })
	lay(environ(s.Environ), func(v string) Origin { return Origin{LayerEnvironment, v} })
	lay(s.Flags, func(v string) Origin { return Origin{LayerFlag, "--" + flagName(v)} })
	return values, origins
}

func environ(environ []string) map[string]string {
	values := map[string]string{}
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok && strings.HasPrefix(name, Prefix) {
			values[name] = value
		}
	}
	return values
}
