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
	Cluster           string        `split_words:"true" in:"bootstrap verify ports agent check debug" record:"true" desc:"The ECS cluster, by name or ARN."`
	ClusterTag        string        `split_words:"true" default:"muster:cluster" in:"bootstrap" desc:"The tag that names the cluster when nothing else does: looked for on the instance (through IMDS), then on its Auto Scaling group."`
	ECS               ECSSettings   `split_words:"true" in:"bootstrap" desc:"Other settings for ecs.config, as KEY=VALUE, separated by blanks; the flag may be repeated."`
	ResetStaleState   bool          `split_words:"true" in:"bootstrap" desc:"Move agent.db aside when it holds another cluster for this same instance (the ECS agent would refuse to start)."`
	Timeout           time.Duration `split_words:"true" default:"10m" in:"bootstrap verify" record:"true" desc:"How long verify waits for the registration. Signals are retried for what is left of it, at least 2m (or as long again, if it is shorter)."`
	OnFailure         OnFailure     `split_words:"true" default:"report" in:"bootstrap verify" record:"true" desc:"What follows when the instance does not register: report (say so), abandon (also end the launch hook with ABANDON), unhealthy (also SetInstanceHealth)."`
	LifecycleHook     string        `split_words:"true" in:"bootstrap verify" record:"true" desc:"The launch lifecycle hook to keep alive while waiting and to complete at the end. Without a name no hook is touched."`
	CFNStack          string        `split_words:"true" in:"bootstrap verify" record:"true" desc:"The CloudFormation stack to signal, by name or id."`
	CFNResource       string        `split_words:"true" in:"bootstrap verify" record:"true" desc:"The logical id of the resource in that stack which waits for the signal."`
	CFNAuth           CFNAuth       `split_words:"true" default:"identity" in:"bootstrap verify" record:"true" desc:"How the signal is authorised: identity (the instance identity document, needs no IAM) or sigv4 (needs cloudformation:SignalResource)."`
	Ports             string        `split_words:"true" in:"bootstrap verify ports agent check debug" record:"true" desc:"The replication ports that the peers must reach on each other: profiles and ports, as in ignite2,tcp/9000-9009. Empty: verify and the agent check none, and muster ports takes ignite2."`
	PortsPolicy       PortsPolicy   `split_words:"true" default:"warn" in:"bootstrap verify" record:"true" desc:"What a closed port means for verify: warn (say so), fail (the boot has failed), ignore (do not look)."`
	Report            string        `split_words:"true" in:"verify" record:"true" desc:"Where verify writes its JSON report, which only root may read. Empty: report.json in the instance's directory below the state directory."`
	Console           string        `split_words:"true" default:"/dev/console" in:"verify" record:"true" desc:"Where verify writes its one line, so that get-console-output shows it. Empty: nowhere."`
	IMDSTimeout       time.Duration `split_words:"true" default:"2m" in:"bootstrap verify" record:"true" desc:"How long to wait for an instance metadata service that comes up late."`
	IntrospectionURL  string        `split_words:"true" default:"http://127.0.0.1:51678" in:"verify ports agent check debug" record:"true" desc:"The ECS agent's introspection server."`
	DockerHost        string        `split_words:"true" default:"unix:///var/run/docker.sock" in:"verify ports agent check debug" record:"true" desc:"The Docker Engine, which is only ever read."`
	DockerProxy       string        `split_words:"true" in:"agent" record:"false" desc:"The socket of the read-only Docker proxy, which muster-agent.service sets. The agent asks through it unless MUSTER_DOCKER_HOST names another Engine than the default. Empty: it asks the Engine directly."`
	WatchPeriod       time.Duration `split_words:"true" default:"1m" in:"agent" record:"true" desc:"How often the agent looks at the registration."`
	Namespace         string        `split_words:"true" default:"Muster" in:"agent" record:"true" desc:"The CloudWatch namespace of the agent's metrics. Empty: none are published."`
	Dimensions        Dimensions    `split_words:"true" in:"agent" record:"true" desc:"Metrics beyond those of the cluster and of each service: container, instance, or both with a comma. Each container or instance is billed as metrics of its own (docs/metrics.md)."`
	EventBus          string        `split_words:"true" in:"agent" record:"true" desc:"The EventBridge bus, by name or ARN, that is told of transitions. Empty: the journal alone."`
	SpoolDir          string        `split_words:"true" default:"/var/lib/muster-agent/spool" in:"agent" record:"true" desc:"Where minutes are kept that CloudWatch does not take."`
	SpoolMax          Size          `split_words:"true" default:"64MB" in:"agent" record:"true" desc:"How much of the disk they may take; the oldest go first."`
	PortsPeriod       time.Duration `split_words:"true" default:"1h" in:"agent" record:"true" desc:"How often the agent judges the replication ports, if any are set, by the rules alone."`
	UnhealthyAfter    time.Duration `split_words:"true" default:"0s" in:"agent" record:"true" desc:"Have the Auto Scaling group replace this instance when ECS has not heard from it for so long, at least 5m. 0s: never."`
	UnhealthyMaxShare int           `split_words:"true" default:"10" in:"agent" record:"true" desc:"How many percent of the Auto Scaling group may be out of service at once for that, this instance among them; one always may, unless it is the last."`
	AgentState        string        `split_words:"true" default:"/run/muster-agent/state.json" in:"agent status" record:"true" desc:"Where the agent tells how things are, for muster status and muster check."`
	Root              string        `split_words:"true" default:"/" in:"bootstrap verify ports agent status check debug" record:"false" desc:"The root of the file system to work on, for images that are not booted and for tests."`
	ECSConfig         string        `split_words:"true" default:"/etc/ecs/ecs.config" in:"bootstrap check debug" record:"true" desc:"The ECS agent's configuration file."`
	ECSDataDir        string        `split_words:"true" default:"/var/lib/ecs/data" in:"bootstrap check debug" record:"true" desc:"Where the ECS agent keeps agent.db."`
	ECSLogDir         string        `split_words:"true" default:"/var/log/ecs" in:"verify check debug" record:"true" desc:"Where the ECS agent writes its logs."`
	StateDir          string        `split_words:"true" default:"/var/lib/muster" in:"bootstrap verify ports agent check debug" record:"false" desc:"Where muster keeps what it did, one directory an instance id."`

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
	if u, err := url.Parse(c.IntrospectionURL); err != nil || u.Scheme != "http" || u.Host == "" {
		bad("MUSTER_INTROSPECTION_URL", "%q is no URL such as http://127.0.0.1:51678", c.IntrospectionURL)
	}
	if _, _, err := reach.ParsePorts(c.Ports); c.Ports != "" && err != nil {
		bad("MUSTER_PORTS", "%v", err)
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
