package fieldcase

import (
	"os"
	"time"
)

// Case is a case file. FORMAT.md describes the fields without a comment.
type Case struct {
	Source    string
	Situation string
	Right     string
	Unsure    string

	Instance   Instance
	AWS        AWS
	Agent      Agent
	AgentDB    Checkpoint      `yaml:"agent_db"`
	Systemd    map[string]Unit // in addition to the usual units
	Docker     Docker
	DNS        map[string]string // prefix of a name: address, "none" or "silence"
	TLS        map[string]Certificate
	Network    Network
	ClockAhead time.Duration `yaml:"clock_ahead"`
	Disks      []Disk
	Env        []string
	Absent     []string
	Steps      []Step
	Lines      []Line

	Name     string `yaml:"-"` // of the file, without its suffix
	Files    []File `yaml:"-"` // the disk of the instance
	Later    []File `yaml:"-"` // appended once the ECS agent has settled
	UserData string `yaml:"-"`
}

// Instance describes the instance for EC2, Auto Scaling and CloudFormation.
type Instance struct {
	Tags           map[string]string
	TagsInMetadata bool `yaml:"tags_in_metadata"`
	NoRole         bool `yaml:"no_role"`
	Group          *Group
	Stacks         map[string][]string // stack: logical ids that wait for a signal
	Metadata       map[string]string   // metadata path: text
}

// Group is the Auto Scaling group of the instance.
type Group struct {
	Name  string
	State string // the target lifecycle state
	Hooks []string
	Tags  map[string]string
}

// AWS describes the AWS account of the instance.
type AWS struct {
	Clusters  []string
	Inactive  []string // clusters
	Denied    []string // actions, such as "ecs:DescribeClusters" or "ecs:*"
	Faults    []Fault
	Instances []Registration
	Groups    map[string][]string // security group: rules, such as "tcp 5701-5800 from sg-cache"
	Peers     []Peer
}

// Fault makes calls to AWS or to the metadata service fail.
type Fault struct {
	Service, Action, Code, Message, Kind, Body string

	Status, Skip, Times int
	Hang                bool
}

// Registration is a container instance that ECS already has.
type Registration struct {
	Cluster, ID, ARN, Status string
	Connected                bool
}

// Peer is another container instance of cluster prod.
type Peer struct{ ID, Addr, Group string }

// Checkpoint describes the content of agent.db, or how it is damaged.
type Checkpoint struct {
	Cluster, Instance, ARN string
	Damage                 string // "empty", "zeros" or "truncated"
}

// Unit is a systemd unit.
type Unit struct {
	State    string // see unitStates
	Status   int    // exit status of the main process
	Restarts int
	Job      string // state of a queued job: "waiting" or "running"
}

// Docker is the Docker Engine: "up" (also ""), "absent" or "hung".
type Docker struct {
	Is         string
	Agent      *AgentContainer // nil means running
	NoAgent    bool            `yaml:"no_agent"`
	Containers []Container
}

// AgentContainer is the container of the ECS agent.
type AgentContainer struct {
	Exit int
	Dead bool
	OOM  bool
	Env  []string
}

// Container is a task container, or a change of one.
type Container struct {
	Name, Family, Container string

	Health string // if set, the container has a health check with this status
	OOM    bool
	Exit   *int // nil if it keeps running
	Again  bool // the container with this name exists already and is changed
}

// Certificate is the certificate of TLS servers with a name.
type Certificate struct {
	Issuer string // empty: a CA that the instance trusts
	Names  []string
}

// Network describes how the network of the instance differs from the default.
type Network struct {
	NoIPv4    bool   `yaml:"no_ipv4"`
	NoIMDS    bool   `yaml:"no_imds"`
	Proxy     bool   // a CONNECT proxy is available at 10.0.0.8:3128
	SelfGroup string `yaml:"self_group"` // security group of the instance
}

// Disk is a directory whose file system is full or read-only.
type Disk struct {
	Path     string
	Full     bool
	ReadOnly bool `yaml:"read_only"`
}

// Step is one action with the expectations that must hold after it.
type Step struct {
	Muster     string            // arguments of muster
	Spawn      string            // arguments of a muster that keeps running in the background
	Agent      string            // "start", "stop" or "restart"
	Write      map[string]string // path: text
	Wait       time.Duration     // alone, or after each of Containers
	Edit       *Edit
	Containers []Container

	Exit       Ints
	FirstLine  *Answer `yaml:"first_line"`
	Output     *Text
	Findings   map[string]Words // finding: the correct statuses, or "absent"
	NoWarnings bool             `yaml:"no_warnings"`
	Checks     map[string]Words // check: the correct statuses
	Files      map[string]Text
	Systemd    *Calls
	Ends       string // expected state of the ECS agent after Agent
}

// Edit describes a change of ECS's record of the instance.
type Edit struct{ Status, Reason string }

// Answer describes the expected answer of muster: line 1 with its why and fix.
type Answer struct {
	ID    Words // correct ids of the first cause in JSON; "none" for no cause
	IDNot Words `yaml:"id_not"`
	Text  `yaml:",inline"`
}

// Text is what a text must and must not contain. Package expect matches the
// patterns.
type Text struct{ Says, Not Words }

// Calls lists the calls to systemd that muster must and must not make.
type Calls struct {
	Made    Words
	NotMade Words `yaml:"not_made"`
}

// Line is a log line with the expected result for this line alone.
type Line struct {
	Source, File, Level, Msg string

	Raw        string // replaces Level and Msg
	ID         Words
	IDNot      Words `yaml:"id_not"`
	NoWarnings bool  `yaml:"no_warnings"`
	Text       `yaml:",inline"`
}

// File is a file or directory on the disk of the instance.
type File struct {
	Name string // below the root directory
	Data []byte
	Size int64 // if positive, the file is truncated or extended to this size
	Mode os.FileMode
	Dir  bool
	FIFO bool
	Link string // if set, a symbolic link to this path
}
