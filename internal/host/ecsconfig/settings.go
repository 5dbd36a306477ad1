package ecsconfig

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// The files that ecs-init and the ECS agent read beside DefaultPath.
const (
	// InstancePath holds the settings that the image was built with
	// (ecs-init/config/common.go, InstanceConfigFile).
	InstancePath = "/var/lib/ecs/ecs.config"
	// JSONPath is the ECS agent's own file (AgentJSONConfigFile).
	JSONPath = "/etc/ecs/ecs.config.json"
)

// Text is one of the files that settings come from.
type Text struct {
	Path string
	Data []byte
	Err  error // of reading it; Load's
}

// Sources are all the places that the settings of an ECS agent come from. An
// empty one adds nothing.
type Sources struct {
	Instance Text   // InstancePath
	User     Text   // DefaultPath
	JSON     Text   // JSONPath
	UserData []byte // as the metadata service gives it out
	// Container is the environment of the agent's container, if there is one:
	// what the running agent has, whatever the files say by now.
	Container []string
	Region    string // of the instance
}

// Gather loads the files of the ECS agent. The function under maps a path of
// the instance to where it is read; the texts have the instance's path.
func Gather(user string, under func(path string) string) Sources {
	load := func(path string) Text {
		data, err := Load(under(path))
		return Text{Path: path, Data: data, Err: err}
	}
	s := Sources{Instance: load(InstancePath), User: load(cmp.Or(user, DefaultPath))}
	s.JSON = load(s.jsonPath())
	return s
}

// jsonPath is where the JSON file is on the host: ecs-init mounts /etc/ecs,
// /var/lib/ecs and /var/cache/ecs at the same path in the agent's container
// (getHostConfig).
func (s Sources) jsonPath() string {
	path := s.files()["ECS_AGENT_CONFIG_FILE_PATH"].Raw
	for _, mounted := range []string{"/etc/ecs/", "/var/lib/ecs/", "/var/cache/ecs/"} {
		if strings.HasPrefix(path, mounted) && !strings.Contains(path, "..") {
			return path
		}
	}
	return JSONPath
}

// Origin is the kind of place that a value comes from.
type Origin int

// The origins, from the one that gives way to the one that wins.
const (
	FromDefault Origin = iota // the ECS agent's own default
	FromInstance
	FromUserData
	FromJSON
	FromPreset // ecs-init sets it
	FromFile
	FromContainer
)

// Value is one setting as the ECS agent ends up with it.
type Value struct {
	Key    string
	Raw    string // as it is read, before the agent trims or discards it
	Text   string // as the agent has it
	Fault  string // why Text is not Raw, or ECS refuses it; reading on from the key
	Origin Origin
	File   string // FromFile, FromJSON: the path
	Line   int    // FromFile: counted from 1
}

// Where says in words where the value comes from: "/etc/ecs/ecs.config:3",
// "user data".
func (v Value) Where() string {
	switch v.Origin {
	case FromFile:
		return fmt.Sprintf("%s:%d", v.File, v.Line)
	case FromJSON:
		return v.File
	case FromUserData:
		return "user data (ECSAgentConfiguration)"
	case FromPreset:
		return "ecs-init's default"
	case FromContainer:
		return "the environment of the ECS agent's container"
	case FromInstance:
		return "the metadata service"
	}
	return "the ECS agent's default"
}

// Settings are what the ECS agent reads, key by key.
type Settings struct {
	values map[string]Value
	files  map[string]Value // what the files say, container or not
	stale  []string
}

// Get returns the value of key. It is not ok if nothing sets it and the ECS agent
// has no default either.
func (s *Settings) Get(key string) (Value, bool) {
	v, ok := s.values[key]
	return v, ok && (v.Text != "" || v.Origin != FromDefault)
}

// Text is the value of key as the ECS agent has it, "" if it has none.
func (s *Settings) Text(key string) string { return s.values[key].Text }

// On reports whether a key that is true or false is true.
func (s *Settings) On(key string) bool { return s.values[key].Text == "true" }

// Set reports whether somebody set key to something that the ECS agent takes:
// neither it nor ecs-init came up with the value.
func (s *Settings) Set(key string) bool {
	switch s.values[key].Origin {
	case FromDefault, FromPreset, FromInstance:
		return false
	}
	return true
}

// Cluster is the cluster that the ECS agent joins. Its Origin is FromDefault if
// nothing names one.
func (s *Settings) Cluster() Value { return s.values["ECS_CLUSTER"] }

// Named is how the files name key, "" for not at all: what the ECS agent will read
// when ecs-init starts it next.
func (s *Settings) Named(key string) Value { return s.files[key] }

// Stale returns the keys whose value in the files is not the one that the running
// ECS agent has, in order: it was started before the files were changed.
func (s *Settings) Stale() []string { return s.stale }

// Read works out what the ECS agent reads, and what is wrong with where it reads
// it. Later sources win: the agent's defaults, user data, ecs.config.json, what
// ecs-init sets, InstancePath, DefaultPath, and the environment of the container
// (agent/config/config.go, NewConfig; ecs-init/docker/docker.go, LoadEnvVars and
// getContainerConfig).
func Read(from Sources) (*Settings, []Problem) {
	var problems []Problem
	for _, text := range []Text{from.Instance, from.User} {
		problems = append(problems, text.problems()...)
	}
	fromJSON, more := readJSON(from.JSON)
	problems = append(problems, more...)
	fromUserData, more := readUserData(from.UserData)
	problems = append(problems, more...)

	s := &Settings{values: map[string]Value{}, files: from.files()}
	running := environment(from.Container)
	for i := range keys {
		k := &keys[i]
		env, set := s.files[k.Name]
		if len(running) > 0 {
			env, set = s.running(k, env, set, running)
		}
		if !set && k.Preset != "" && k.Preset != "set" {
			env, set = Value{Raw: k.Preset, Origin: FromPreset}, true
		}
		s.values[k.Name] = k.settle(env, set, fromJSON, fromUserData)
	}
	if v := s.values["AWS_DEFAULT_REGION"]; v.Text == "" && from.Region != "" {
		s.values["AWS_DEFAULT_REGION"] = Value{Key: "AWS_DEFAULT_REGION", Raw: from.Region, Text: from.Region, Origin: FromInstance}
	}
	return s, problems
}

// settle decides between the environment, the JSON file and user data.
func (k *Key) settle(env Value, set bool, lower ...map[string]Value) Value {
	env.Key = k.Name
	r := Reading{Text: k.Default, Unset: true}
	if set {
		r = k.read(env.Raw)
	}
	if r.Unset {
		for _, values := range lower {
			if v, ok := values[k.Name]; ok {
				return v
			}
		}
	}
	env.Text, env.Fault = r.Text, r.Fault
	if !set || r.Unset && r.Fault == "" && env.Raw == "" {
		env.Origin, env.File, env.Line = FromDefault, "", 0
	}
	return env
}

// running is what the running agent has for k. Where the files agree, they say
// where it comes from.
func (s *Settings) running(k *Key, file Value, inFile bool, env map[string]string) (Value, bool) {
	if k.Reader&Agent == 0 {
		return file, inFile
	}
	raw, ok := env[k.Name]
	switch {
	case ok && inFile && raw == file.Raw:
		return file, true
	case ok && !inFile && (raw == k.Preset || k.Preset == "set"):
		return Value{Raw: raw, Origin: FromPreset}, true
	case ok || inFile:
		s.stale = append(s.stale, k.Name)
	}
	return Value{Raw: raw, Origin: FromContainer}, ok
}

// files merges the two files as ecs-init does, line by line.
func (s Sources) files() map[string]Value {
	merged := map[string]Value{}
	for _, text := range []Text{s.Instance, s.User} {
		if text.Err != nil {
			continue // ecs-init goes on without a file that it cannot read
		}
		for i, line := range Parse(text.Data).lines {
			if key, value, ok := read(line); ok {
				merged[key] = Value{Key: key, Raw: value, Text: value, Origin: FromFile, File: text.Path, Line: i + 1}
			}
		}
	}
	return merged
}

// environment is nil unless env is of an ECS agent, which has been given at least
// one setting.
func environment(env []string) map[string]string {
	all, agents := map[string]string{}, false
	for _, assignment := range env {
		key, value, _ := strings.Cut(assignment, "=")
		all[key] = value
		agents = agents || strings.HasPrefix(key, "ECS_")
	}
	if !agents {
		return nil
	}
	return all
}

// problems are those of the text, with its path.
func (t Text) problems() []Problem {
	problems := Parse(t.Data).Problems()
	if t.Err != nil {
		problems = unreadable(t)
	}
	for i := range problems {
		problems[i].File = t.Path
	}
	return problems
}

// Of returns the problems of the lines that set key or were meant to.
func Of(problems []Problem, key string) []Problem {
	return slices.DeleteFunc(slices.Clone(problems), func(p Problem) bool { return !p.Sets(key) })
}
