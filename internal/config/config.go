// Package config defines the Config struct, which contains every setting, its default, and where its value came from. A
// value comes from the first of these that sets it: flags, environment, the record of bootstrap on this instance,
// /etc/muster/muster.env, default. docs/adr/0004 explains why the record is included. This package does not decide how
// a setting affects a command.
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
	"muster/internal/base/gate"
	"muster/reach"
)

// Prefix is the prefix of all of muster's environment variables.
const Prefix = "MUSTER_"

// leastAfter is the minimum of MUSTER_UNHEALTHY_AFTER.
const leastAfter = 5 * time.Minute

// maxNamespace is the maximum length of a CloudWatch namespace (CloudWatch API reference, PutMetricData). Namespaces
// that start with AWS/ are reserved for AWS services.
const maxNamespace = 255

var namespaceForm = regexp.MustCompile(`^[0-9A-Za-z.\-_/#]*$`)

// Config holds every setting. The environment variable of a field is Prefix followed by the field's name in words:
// MUSTER_CFN_STACK for CFNStack. The flag is the same name in kebab case. Settings reads the tags: desc is the
// description, in lists the commands that have the flag, and record:"true" marks settings that bootstrap records for
// the units.
type Config struct {
	Cluster           string        `split_words:"true" in:"bootstrap verify ports fleet fit agent check debug" record:"true" desc:"Name or ARN of the ECS cluster."`
	ClusterTag        string        `split_words:"true" default:"muster:cluster" in:"bootstrap" desc:"Tag that names the cluster if no other setting does. It is read from the instance (through IMDS), then from its Auto Scaling group."`
	ECS               ECSSettings   `split_words:"true" in:"bootstrap" desc:"Other settings for ecs.config: KEY=VALUE, separated by spaces. The flag can be repeated."`
	ResetStaleState   bool          `split_words:"true" in:"bootstrap" desc:"Move agent.db aside if it names another cluster for this instance. The ECS agent would refuse to start with it."`
	Timeout           time.Duration `split_words:"true" default:"10m" in:"bootstrap verify" record:"true" desc:"How long verify waits for the registration. Signals are retried for the time that is left, and for at least 2m (or for the same time again, if it is shorter)."`
	OnFailure         OnFailure     `split_words:"true" default:"report" in:"bootstrap verify" record:"true" desc:"Action if the instance does not register: report (exit with an error), abandon (also complete the launch hook with ABANDON) or unhealthy (also mark the instance unhealthy)."`
	LifecycleHook     string        `split_words:"true" in:"bootstrap verify" record:"true" desc:"Launch lifecycle hook to keep waiting with heartbeats, and to complete at the end. Empty: no hook is completed."`
	CFNStack          string        `split_words:"true" in:"bootstrap verify" record:"true" desc:"Name or ID of the CloudFormation stack to signal."`
	CFNResource       string        `split_words:"true" in:"bootstrap verify" record:"true" desc:"Logical ID of the resource in that stack that waits for the signal."`
	CFNAuth           CFNAuth       `split_words:"true" default:"identity" in:"bootstrap verify" record:"true" desc:"Authorization of the signal: identity (the instance identity document, no IAM permission) or sigv4 (needs cloudformation:SignalResource)."`
	Ports             string        `split_words:"true" in:"bootstrap verify ports fleet agent check debug" record:"true" desc:"Replication ports that peers must reach on each other: profiles and ports, such as ignite2,tcp/9000-9009. Empty: verify and agent check no ports, and muster ports checks ignite2."`
	PortsPolicy       PortsPolicy   `split_words:"true" default:"warn" in:"bootstrap verify" record:"true" desc:"Effect of a closed port on verify: warn, fail (verify fails) or ignore (ports are not checked)."`
	Balancer          string        `split_words:"true" in:"bootstrap verify ports agent check debug" record:"true" desc:"Load balancers that must reach the target ports: names, ARNs or private addresses, separated by commas."`
	TargetPort        string        `split_words:"true" default:"dynamic" in:"bootstrap verify ports agent check debug" record:"true" desc:"Ports that the load balancer connects to, for traffic and health checks: ports, ranges, or dynamic (any host port that is assigned for hostPort 0), separated by commas."`
	Gate              string        `split_words:"true" in:"bootstrap verify agent" record:"true" desc:"Attribute of this container instance to set to open after its replication ports are proved open, and to closed when they close, such as muster.ports. A placement constraint can require it. Empty: none is set."`
	AwaitService      string        `split_words:"true" in:"bootstrap verify" record:"true" desc:"ECS service to wait for: verify signals success once a task of it is healthy on this instance. Give --timeout enough time for the image pull and the health check. Empty: the registration is enough."`
	PublishVersion    bool          `split_words:"true" in:"bootstrap agent" record:"true" desc:"Set the attribute muster.version of this container instance to the version of the agent, so that muster fleet shows it."`
	Report            string        `split_words:"true" in:"verify" record:"true" desc:"File for the JSON report of verify, readable by root only. Empty: report.json in the instance's directory below the state directory."`
	Console           string        `split_words:"true" default:"/dev/console" in:"verify" record:"true" desc:"Device for the one-line result of verify, so that get-console-output shows it. Empty: none."`
	IMDSTimeout       time.Duration `split_words:"true" default:"2m" in:"bootstrap verify" record:"true" desc:"How long to wait for the instance metadata service."`
	IntrospectionURL  string        `split_words:"true" default:"http://127.0.0.1:51678" in:"verify ports agent check debug" record:"true" desc:"URL of the ECS agent's introspection server."`
	DockerHost        string        `split_words:"true" default:"unix:///var/run/docker.sock" in:"verify ports agent check debug" record:"true" desc:"Docker Engine. muster only reads from it."`
	DockerProxy       string        `split_words:"true" in:"agent" record:"false" desc:"Socket of the read-only Docker proxy, set by muster-agent.service. It is used unless MUSTER_DOCKER_HOST is not the default. Empty: the agent connects to the Docker Engine directly."`
	WatchPeriod       time.Duration `split_words:"true" default:"1m" in:"agent" record:"true" desc:"How often the agent checks the registration."`
	Namespace         string        `split_words:"true" default:"Muster" in:"agent" record:"true" desc:"CloudWatch namespace of the metrics. Empty: no metrics are published."`
	Dimensions        Dimensions    `split_words:"true" in:"agent" record:"true" desc:"Additional metrics per container, per instance, or both (container,instance). CloudWatch bills each container and instance separately (docs/reference/metrics.md)."`
	Textfile          string        `split_words:"true" in:"agent" record:"true" desc:"File for the textfile collector of Prometheus' node exporter, such as /run/muster-agent/muster.prom. Empty: none."`
	Inventory         string        `split_words:"true" in:"agent" record:"true" desc:"File for a custom inventory of Systems Manager (Custom:Muster), such as /run/muster-agent/inventory.json. Empty: none."`
	Metrics           Metrics       `split_words:"true" in:"agent" record:"true" desc:"Additional metrics: limits (MemoryUsed and CPUThrottled of each service), agent (CPU, memory and AWS calls of muster-agent), or both (limits,agent)."`
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
	ECSLogDir         string        `split_words:"true" default:"/var/log/ecs" in:"verify agent check debug" record:"true" desc:"Directory of the ECS agent's logs."`
	StateDir          string        `split_words:"true" default:"/var/lib/muster" in:"bootstrap verify ports agent check debug" record:"false" desc:"State directory of muster, with a directory for each instance ID."`

	origins map[string]Origin
}

// Origin says where a value came from.
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

// The layers that a value can come from, highest precedence first.
const (
	LayerFlag        = "flag"
	LayerEnvironment = "environment"
	LayerRecord      = "record"
	LayerFile        = "file"
	LayerDefault     = "default"
)

// Origin returns where the value of a variable, such as MUSTER_CLUSTER, came from.
func (c *Config) Origin(variable string) Origin {
	if o, ok := c.origins[variable]; ok {
		return o
	}
	return Origin{Layer: LayerDefault}
}

// Path returns a path on the instance, below the configured root directory.
func (c *Config) Path(path string) string { return filepath.Join(c.Root, path) }

// InstanceDir returns the directory in which muster stores the data of one instance.
func (c *Config) InstanceDir(instanceID string) string {
	return filepath.Join(c.Path(c.StateDir), "instances", instanceID)
}

// ReportPath returns the path of verify's report for one instance.
func (c *Config) ReportPath(instanceID string) string {
	if c.Report != "" {
		return c.Path(c.Report)
	}
	return filepath.Join(c.InstanceDir(instanceID), "report.json")
}

// Record returns the settings that came from flags or the environment of bootstrap, for the units that bootstrap
// starts.
func (c *Config) Record() map[string]string {
	record := map[string]string{}
	for _, s := range Settings() {
		if layer := c.Origin(s.Variable).Layer; s.Recorded && layer != LayerFile && layer != LayerDefault {
			record[s.Variable] = s.value(c)
		}
	}
	return record
}

// problems collects the errors in the settings of a Config.
type problems struct {
	config *Config
	errs   []error
}

func (p *problems) add(variable, format string, args ...any) {
	args = append([]any{p.config.Origin(variable), variable}, args...)
	p.errs = append(p.errs, fmt.Errorf("%s: %s: "+format, args...))
}

// check returns an error for settings that no command could work with.
func (c *Config) check() error {
	p := &problems{config: c}
	if c.Cluster == "" && c.Origin("MUSTER_CLUSTER").Layer != LayerDefault {
		p.add("MUSTER_CLUSTER", "it is set, but empty: set it to the cluster, or remove it")
	}
	if (c.CFNStack == "") != (c.CFNResource == "") {
		p.add("MUSTER_CFN_STACK", "a signal needs both the stack (--cfn-stack) and the resource (--cfn-resource); only one is set")
	}
	c.checkLimits(p)
	c.checkIntrospectionURL(p)
	c.checkAwaitService(p)
	if len(c.Namespace) > maxNamespace || !namespaceForm.MatchString(c.Namespace) || strings.HasPrefix(c.Namespace, "AWS/") {
		p.add("MUSTER_NAMESPACE", "%+.40q is not a CloudWatch namespace: use up to 255 letters, digits and .-_/#, not starting with AWS/", c.Namespace)
	}
	c.checkPorts(p)
	for variable, path := range map[string]string{
		"MUSTER_ROOT": c.Root, "MUSTER_ECS_CONFIG": c.ECSConfig, "MUSTER_ECS_DATA_DIR": c.ECSDataDir, "MUSTER_ECS_LOG_DIR": c.ECSLogDir,
		"MUSTER_STATE_DIR": c.StateDir, "MUSTER_SPOOL_DIR": c.SpoolDir, "MUSTER_AGENT_STATE": c.AgentState,
	} {
		if !filepath.IsAbs(path) {
			p.add(variable, "%q is not an absolute path", path)
		}
	}
	slices.SortFunc(p.errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(p.errs...)
}

// checkLimits reports durations and percentages that are out of range.
func (c *Config) checkLimits(p *problems) {
	for variable, d := range map[string]time.Duration{
		"MUSTER_TIMEOUT": c.Timeout, "MUSTER_IMDS_TIMEOUT": c.IMDSTimeout, "MUSTER_WATCH_PERIOD": c.WatchPeriod,
	} {
		if d <= 0 {
			p.add(variable, "%s is not greater than zero", d)
		}
	}
	if c.PortsPeriod < time.Minute {
		p.add("MUSTER_PORTS_PERIOD", "%s is less than a minute: each check makes API calls, whose rate limit the account shares", c.PortsPeriod)
	}
	if c.UnhealthyAfter != 0 && c.UnhealthyAfter < leastAfter {
		p.add("MUSTER_UNHEALTHY_AFTER", "%s is less than %s: it is normal that ECS agents lose their connection for minutes, several times an hour",
			c.UnhealthyAfter, duration(leastAfter))
	}
	if c.UnhealthyMaxShare < 1 || c.UnhealthyMaxShare > 100 {
		p.add("MUSTER_UNHEALTHY_MAX_SHARE", "%d is not a percentage from 1 to 100", c.UnhealthyMaxShare)
	}
}

func (c *Config) checkPorts(p *problems) {
	if _, _, err := reach.ParsePorts(c.Ports); c.Ports != "" && err != nil {
		p.add("MUSTER_PORTS", "%v", err)
	}
	if c.Gate != "" {
		if err := gate.CheckName(c.Gate); err != nil {
			p.add("MUSTER_GATE", "%v", err)
		}
	}
	if _, err := balancer.Parse(c.Balancer); err != nil {
		p.add("MUSTER_BALANCER", "%v", err)
	}
	if _, err := reach.ParseTargets(c.TargetPort); err != nil {
		p.add("MUSTER_TARGET_PORT", "%v", err)
	}
}

// serviceForm is the form of a service name (API reference, CreateService).
var serviceForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)

func (c *Config) checkAwaitService(p *problems) {
	if c.AwaitService != "" && !serviceForm.MatchString(c.AwaitService) {
		p.add("MUSTER_AWAIT_SERVICE", "%q is not the name of a service: letters, digits, - and _, at most 255", c.AwaitService)
	}
}

func (c *Config) checkIntrospectionURL(p *problems) {
	u, err := url.Parse(c.IntrospectionURL)
	switch {
	case err == nil && u.User != nil:
		p.add("MUSTER_INTROSPECTION_URL", "the URL has a user or a password: the ECS agent needs none, and every user can read the settings")
	case err != nil || u.Scheme != "http" || u.Host == "":
		p.add("MUSTER_INTROSPECTION_URL", "%q is not a URL such as http://127.0.0.1:51678", c.IntrospectionURL)
	}
}

// Set holds the values from the flags, the environment and the files before they are merged into a Config.
type Set struct {
	Flags   map[string]string // by variable
	Environ []string          // in the form of os.Environ
	Record  map[string]string // by variable; nil before the instance is known
	File    File
	Bad     error // why the file could not be read; Load then fails with this error
}

// Only returns a copy of the set with only these variables, and with Bad cleared.
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

// merge merges the layers by precedence. MUSTER_ECS is merged key by key, so that a layer overrides only the keys that
// it sets.
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
