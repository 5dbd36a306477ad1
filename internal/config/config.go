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
// MUSTER_CFN_STACK for CFNStack. The flag is the same name in kebab case. Settings reads the tags: in lists the
// commands that have the flag, and record:"true" marks settings that bootstrap records for the units. The map
// descriptions has a text for each field.
type Config struct {
	Cluster         string        `split_words:"true" in:"bootstrap verify ports fleet fit agent check debug" record:"true"`
	ClusterTag      string        `split_words:"true" default:"muster:cluster" in:"bootstrap"`
	ECS             ECSSettings   `split_words:"true" in:"bootstrap"`
	ResetStaleState bool          `split_words:"true" in:"bootstrap"`
	Timeout         time.Duration `split_words:"true" default:"10m" in:"bootstrap verify" record:"true"`
	OnFailure       OnFailure     `split_words:"true" default:"report" in:"bootstrap verify" record:"true"`
	LifecycleHook   string        `split_words:"true" in:"bootstrap verify" record:"true"`
	CFNStack        string        `split_words:"true" in:"bootstrap verify" record:"true"`
	CFNResource     string        `split_words:"true" in:"bootstrap verify" record:"true"`
	CFNAuth         CFNAuth       `split_words:"true" default:"identity" in:"bootstrap verify" record:"true"`
	Ports           string        `split_words:"true" in:"bootstrap verify ports fleet agent check debug" record:"true"`
	PortsPolicy     PortsPolicy   `split_words:"true" default:"warn" in:"bootstrap verify" record:"true"`
	Balancer        string        `split_words:"true" in:"bootstrap verify ports agent check debug" record:"true"`
	TargetPort      string        `split_words:"true" default:"dynamic" in:"bootstrap verify ports agent check debug" record:"true"`
	Gate            string        `split_words:"true" in:"bootstrap verify agent" record:"true"`
	AwaitService    string        `split_words:"true" in:"bootstrap verify" record:"true"`
	PublishVersion  bool          `split_words:"true" in:"bootstrap agent" record:"true"`
	Report          string        `split_words:"true" in:"verify" record:"true"`
	Console         string        `split_words:"true" default:"/dev/console" in:"verify" record:"true"`
	IMDSTimeout     time.Duration `split_words:"true" default:"2m" in:"bootstrap verify" record:"true"`

	IntrospectionURL string `split_words:"true" default:"http://127.0.0.1:51678" in:"verify ports agent check debug" record:"true"`
	DockerHost       string `split_words:"true" default:"unix:///var/run/docker.sock" in:"verify ports agent check debug" record:"true"`
	DockerProxy      string `split_words:"true" in:"agent" record:"false"`

	WatchPeriod       time.Duration `split_words:"true" default:"1m" in:"agent" record:"true"`
	Namespace         string        `split_words:"true" default:"Muster" in:"agent" record:"true"`
	Dimensions        Dimensions    `split_words:"true" in:"agent" record:"true"`
	Textfile          string        `split_words:"true" in:"agent" record:"true"`
	Inventory         string        `split_words:"true" in:"agent" record:"true"`
	Metrics           Metrics       `split_words:"true" in:"agent" record:"true"`
	EventBus          string        `split_words:"true" in:"agent" record:"true"`
	SpoolDir          string        `split_words:"true" default:"/var/lib/muster-agent/spool" in:"agent" record:"true"`
	SpoolMax          Size          `split_words:"true" default:"64MB" in:"agent" record:"true"`
	PortsPeriod       time.Duration `split_words:"true" default:"1h" in:"agent" record:"true"`
	UnhealthyAfter    time.Duration `split_words:"true" default:"0s" in:"agent" record:"true"`
	UnhealthyMaxShare int           `split_words:"true" default:"10" in:"agent" record:"true"`
	AgentState        string        `split_words:"true" default:"/run/muster-agent/state.json" in:"agent status" record:"true"`
	Root              string        `split_words:"true" default:"/" in:"bootstrap verify ports agent status check debug" record:"false"`
	ECSConfig         string        `split_words:"true" default:"/etc/ecs/ecs.config" in:"bootstrap check debug" record:"true"`
	ECSDataDir        string        `split_words:"true" default:"/var/lib/ecs/data" in:"bootstrap check debug" record:"true"`
	ECSLogDir         string        `split_words:"true" default:"/var/log/ecs" in:"verify agent check debug" record:"true"`
	StateDir          string        `split_words:"true" default:"/var/lib/muster" in:"bootstrap verify ports agent check debug" record:"false"`

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
		p.add("MUSTER_NAMESPACE", "%+.40q is not a CloudWatch namespace: use up to 255 letters, digits and .-_/#, not starting with AWS/",
			c.Namespace)
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
		p.add("MUSTER_UNHEALTHY_AFTER", "%s is less than %s: it is normal that ECS agents lose their connection for minutes, several times an "+
			"hour",
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
