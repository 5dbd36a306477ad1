package ecsconfig

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Files that ecs-init and the ECS agent read in addition to DefaultPath.
const (
	// InstancePath holds settings from the image build (ecs-init/config/common.go, InstanceConfigFile).
	InstancePath = "/var/lib/ecs/ecs.config"
	// JSONPath is the ECS agent's own file (AgentJSONConfigFile).
	JSONPath = "/etc/ecs/ecs.config.json"
)

// SourceFile is a file with settings.
type SourceFile struct {
	Path string
	Data []byte
	Err  error // error of Load
}

// Sources holds all sources of settings for an ECS agent. An empty source adds nothing.
type Sources struct {
	Instance SourceFile // InstancePath
	User     SourceFile // DefaultPath
	JSON     SourceFile // JSONPath
	UserData []byte     // as returned by the metadata service
	// Container is the environment of the agent's container, if it exists. It shows the settings of the running agent,
	// even if the files changed since.
	Container []string
	Region    string // of the instance
}

// Gather loads the files of the ECS agent. under maps a path on the instance to the path to read; the results keep the
// path on the instance.
func Gather(user string, under func(path string) string) Sources {
	load := func(path string) SourceFile {
		data, err := Load(under(path))
		return SourceFile{Path: path, Data: data, Err: err}
	}
	s := Sources{Instance: load(InstancePath), User: load(cmp.Or(user, DefaultPath))}
	s.JSON = load(s.jsonPath())
	return s
}

// jsonPath returns the path of the JSON file on the host. ecs-init mounts /etc/ecs, /var/lib/ecs and /var/cache/ecs at
// the same path in the agent's container (getHostConfig).
func (s Sources) jsonPath() string {
	path := s.files()["ECS_AGENT_CONFIG_FILE_PATH"].Raw
	for _, mounted := range []string{"/etc/ecs/", "/var/lib/ecs/", "/var/cache/ecs/"} {
		if strings.HasPrefix(path, mounted) && !strings.Contains(path, "..") {
			return path
		}
	}
	return JSONPath
}

// Origin is the kind of source of a value.
type Origin int

// Origins, from lowest to highest precedence.
const (
	FromDefault Origin = iota // the ECS agent's own default
	FromInstance
	FromUserData
	FromJSON
	FromPreset // ecs-init sets it
	FromFile
	FromContainer
)

// Value is a setting as the ECS agent uses it.
type Value struct {
	Key    string
	Raw    string // before the agent trims or discards it
	Text   string // as the agent uses it
	Fault  string // why Text differs from Raw or ECS rejects it, as a predicate of the key
	Origin Origin
	File   string // path, for FromFile and FromJSON
	Line   int    // for FromFile, counted from 1
}

// Where returns the source of the value as text: "/etc/ecs/ecs.config:3", "user data".
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

// Settings holds the value of every key as the ECS agent reads it.
type Settings struct {
	values     map[string]Value
	files      map[string]Value // values of the files, even if a container exists
	notApplied []string
}

// Get returns the value of key. It returns false if nothing sets the key and the ECS agent has no default.
func (s *Settings) Get(key string) (Value, bool) {
	v, ok := s.values[key]
	return v, ok && (v.Text != "" || v.Origin != FromDefault)
}

// Text returns the value of key as the ECS agent uses it, or "".
func (s *Settings) Text(key string) string { return s.values[key].Text }

// On reports whether a boolean key is true.
func (s *Settings) On(key string) bool { return s.values[key].Text == "true" }

// Set reports whether a user set key to a valid value: it does not come from the defaults of the agent or ecs-init.
func (s *Settings) Set(key string) bool {
	switch s.values[key].Origin {
	case FromDefault, FromPreset, FromInstance:
		return false
	}
	return true
}

// Cluster returns the cluster that the ECS agent joins. Its Origin is FromDefault if no source sets one.
func (s *Settings) Cluster() Value { return s.values["ECS_CLUSTER"] }

// InFiles returns the value of key in the files, or "": the value that the ECS agent reads after its next start.
func (s *Settings) InFiles(key string) Value { return s.files[key] }

// NotApplied returns, in order, the keys whose value in the files differs from that of the running ECS agent, because the
// files changed after it started.
func (s *Settings) NotApplied() []string { return s.notApplied }

// Read determines the settings of the ECS agent, and the problems of their sources. Later sources win: the agent's
// defaults, user data, ecs.config.json, ecs-init's values, InstancePath, DefaultPath, and the environment of the
// container (agent/config/config.go, NewConfig; ecs-init/docker/docker.go, LoadEnvVars and getContainerConfig).
func Read(from Sources) (*Settings, []Problem) {
	var problems []Problem
	for _, text := range []SourceFile{from.Instance, from.User} {
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
		s.values[k.Name] = k.resolve(env, set, fromJSON, fromUserData)
	}
	if v := s.values["AWS_DEFAULT_REGION"]; v.Text == "" && from.Region != "" {
		s.values["AWS_DEFAULT_REGION"] = Value{Key: "AWS_DEFAULT_REGION", Raw: from.Region, Text: from.Region, Origin: FromInstance}
	}
	return s, problems
}

// resolve chooses between the environment, the JSON file and user data.
func (k *Key) resolve(env Value, set bool, lower ...map[string]Value) Value {
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

// running returns the value of k in the running agent. Its source is the files if they have the same value.
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
		s.notApplied = append(s.notApplied, k.Name)
	}
	return Value{Raw: raw, Origin: FromContainer}, ok
}

// files merges the two files like ecs-init, line by line.
func (s Sources) files() map[string]Value {
	merged := map[string]Value{}
	for _, text := range []SourceFile{s.Instance, s.User} {
		if text.Err != nil {
			continue // ecs-init continues without a file that it cannot read
		}
		for i, line := range Parse(text.Data).lines {
			if key, value, ok := read(line); ok {
				merged[key] = Value{Key: key, Raw: value, Text: value, Origin: FromFile, File: text.Path, Line: i + 1}
			}
		}
	}
	return merged
}

// environment returns nil unless env belongs to an ECS agent, which has at least one setting.
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

// problems returns the problems of the text, with its path.
func (t SourceFile) problems() []Problem {
	problems := Parse(t.Data).Problems()
	if t.Err != nil {
		problems = unreadable(t)
	}
	for i := range problems {
		problems[i].File = t.Path
	}
	return problems
}

// Of returns the problems of the lines that set key, or were meant to.
func Of(problems []Problem, key string) []Problem {
	return slices.DeleteFunc(slices.Clone(problems), func(p Problem) bool { return !p.Sets(key) })
}
