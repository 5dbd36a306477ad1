package fieldcase

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// minimal is the shortest valid case.
const minimal = `-- case.yaml --
source: aws/amazon-ecs-agent#750
situation: The cluster's name has a typo.
steps: [{muster: debug}]
`

const header = "-- case.yaml --\nsource: x\nsituation: x\n"

func TestParseReadsEveryFormOfAValue(t *testing.T) {
	c, err := Parse([]byte(`A comment before the first section is not read.
-- case.yaml --
source: aws/amazon-ecs-agent#750
situation: The cluster's name has a typo.
agent: exits 5
agent_db: truncated
systemd: {ecs.service: failed, docker.service: {state: running, restarts: 3}}
docker: {agent: {dead: true, exit: 137}}
clock_ahead: 10m
steps:
- muster: debug
  exit: [0, 1]
  first_line: {id: cluster-missing, says: prdo, not: [deregister, --force]}
- containers: [{name: a, exit: 0}]
  wait: 300ms
-- user-data --
#!/bin/sh
-- root/etc/ecs/ecs.config --
ECS_CLUSTER=prdo
-- later/var/log/ecs/ecs-agent.log --
level=info time=@T
`))
	if err != nil {
		t.Fatal(err)
	}
	zero := 0
	want := &Case{
		Source: "aws/amazon-ecs-agent#750", Situation: "The cluster's name has a typo.",
		Agent:      Agent{Start: true, Ends: "exits 5"},
		AgentDB:    Checkpoint{Damage: "truncated"},
		Systemd:    map[string]Unit{"ecs.service": {State: "failed"}, "docker.service": {State: "running", Restarts: 3}},
		Docker:     Docker{Agent: &AgentContainer{Dead: true, Exit: 137}},
		ClockAhead: 10 * time.Minute,
		Steps: []Step{
			{Muster: "debug", Exit: Ints{0, 1}, FirstLine: &Answer{
				ID: Words{"cluster-missing"}, Text: Text{Says: Words{"prdo"}, Not: Words{"deregister", "--force"}},
			}},
			{Containers: []Container{{Name: "a", Exit: &zero}}, Wait: 300 * time.Millisecond},
		},
		UserData: "#!/bin/sh\n",
		Files:    []File{{Name: "etc/ecs/ecs.config", Data: []byte("ECS_CLUSTER=prdo\n"), Mode: 0o644}},
		Later:    []File{{Name: "var/log/ecs/ecs-agent.log", Data: []byte("level=info time=@T\n"), Mode: 0o644}},
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
}

func TestAgentWords(t *testing.T) {
	for _, c := range []struct {
		yaml string
		want Agent
	}{
		{"absent", Agent{}},
		{"registers", Agent{Start: true, Ends: "registered"}},
		{"disconnected", Agent{Start: true, Disconnected: true, Ends: "registered"}},
		{"retries", Agent{Start: true, Ends: "retries"}},
		{"exits 1", Agent{Start: true, Ends: "exits 1"}},
		{"{cluster: prod, no_logs: true, ends: registered}", Agent{Start: true, Cluster: "prod", NoLogs: true, Ends: "registered"}},
		{"{disconnected: true, config: \"ECS_CLUSTER=prod\\n\"}", Agent{Start: true, Disconnected: true, Config: "ECS_CLUSTER=prod\n"}},
	} {
		got, err := Parse([]byte(minimal + "agent: " + c.yaml + "\n"))
		if err != nil {
			t.Errorf("agent: %s: %v", c.yaml, err)
		} else if got.Agent != c.want {
			t.Errorf("agent: %s: got %+v, want %+v", c.yaml, got.Agent, c.want)
		}
	}
}

func TestMarksChangeTheFile(t *testing.T) {
	for _, c := range []struct {
		name string
		data string
		want File
	}{
		{"root/a [crlf]", "x\ny\n", File{Name: "a", Data: []byte("x\r\ny\r\n"), Mode: 0o644}},
		{"root/a [no-newline]", "x\n", File{Name: "a", Data: []byte("x"), Mode: 0o644}},
		{"root/a [no-newline] [crlf]", "x\ny\n", File{Name: "a", Data: []byte("x\r\ny"), Mode: 0o644}},
		{"root/a [utf16]", "A\n", File{Name: "a", Data: []byte{0xff, 0xfe, 'A', 0, '\n', 0}, Mode: 0o644}},
		{"root/a [base64]", "AAEC\n", File{Name: "a", Data: []byte{0, 1, 2}, Mode: 0o644}},
		{"root/a [empty]", "x\n", File{Name: "a", Mode: 0o644}},
		{"root/a [dir]", "", File{Name: "a", Mode: 0o644, Dir: true}},
		{"root/a [fifo]", "", File{Name: "a", Mode: 0o644, FIFO: true}},
		{"root/a [size=1073741824]", "", File{Name: "a", Mode: 0o644, Size: 1 << 30}},
		{"root/a [mode=0600]", "", File{Name: "a", Mode: 0o600}},
		{"root/etc/ecs/a [link=/etc/b]", "", File{Name: "etc/ecs/a", Mode: 0o644, Link: "../b"}},
		{"root/etc/a [link=b]", "", File{Name: "etc/a", Mode: 0o644, Link: "b"}},
	} {
		got, err := Parse([]byte(minimal + "-- " + c.name + " --\n" + c.data))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got.Files[0].Data = append([]byte(nil), got.Files[0].Data...)
		if diff := cmp.Diff([]File{c.want}, got.Files); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
	}
}

// The error for an invalid case names the line in the file.
func TestParseRejects(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", " no section case.yaml"},
		{"an empty case.yaml", "-- case.yaml --\n", "1: case.yaml is empty"},
		{"a case that expects nothing", "-- case.yaml --\nsource: x\n", " case.yaml needs source, situation and steps or lines"},
		{"an unknown key", minimal + "aws: {cluster: [prod]}\n", `5: unknown key "cluster": did you mean clusters?`},
		{"an unknown key in a list", minimal + "disks:\n- path: a\n  size: 3\n",
			`7: unknown key "size": known are full, path, read_only`},
		{"an unknown key below a word", minimal + "systemd:\n  ecs.service: {stat: failed}\n",
			`6: unknown key "stat": did you mean state or status?`},
		{"a section's lines are the file's", "a comment\n\n" + minimal + "stepps: 1\n", `7: unknown key "stepps": did you mean steps?`},
		{"invalid YAML", minimal + "aws: {\n", "5: "},
		{"text for a number", minimal + "docker: {agent: {exit: many}}\n", "5: "},
		{"an unknown agent", minimal + "agent: sleeps\n", `5: unknown agent "sleeps"`},
		{"an unknown unit state", minimal + "systemd: {ecs.service: dead}\n",
			` systemd: ecs.service: unknown word "dead", want one of: running, exited, inactive, failed, restarting, activating, absent`},
		{"an unknown fault", minimal + "aws: {faults: [{kind: slow}]}\n",
			` aws: faults: 1: kind: unknown word "slow", want one of: throttled, expired, unknown key`},
		{"an unknown damage", minimal + "agent_db: lost\n", ` agent_db: unknown word "lost", want one of: empty, zeros, truncated`},
		{"a rule of another form", minimal + "aws: {groups: {sg-a: ['5701 from sg-a']}}\n",
			` aws: groups: sg-a: rule "5701 from sg-a" is not like: tcp 5701-5800 from sg-cache`},
		{"a certificate without names", minimal + "tls: {ecs.: {issuer: Corp}}\n", " tls: ecs.: the certificate needs names"},
		{"a broken pattern", header + "steps: [{muster: debug, output: {says: '/(/'}}]\n", ` step 1: pattern "/(/": `},
		{"two actions in one step", header + "steps: [{muster: debug, agent: start}]\n",
			" step 1: a step does one thing: muster, spawn, agent, edit, write or containers"},
		{"a path that leaves the disk", minimal + "absent: [../etc/passwd]\n", ` path "../etc/passwd" leaves the instance's disk`},
		{"a section that leaves the disk", minimal + "-- root/../etc/passwd --\n",
			`5: section "root/../etc/passwd": want case.yaml, user-data, root/PATH or later/PATH`},
		{"a link that leaves the disk", minimal + "-- root/a [link=../b] --\n",
			`5: section "root/a [link=../b]": mark [link=../b]: the target is not on the instance's disk`},
		{"an unknown section", minimal + "-- etc/ecs/ecs.config --\n",
			`5: section "etc/ecs/ecs.config": want case.yaml, user-data, root/PATH or later/PATH`},
		{"an unknown mark", minimal + "-- root/a [gzip] --\n", `5: section "root/a [gzip]": unknown mark [gzip]`},
		{"a size below zero", minimal + "-- root/a [size=-1] --\n",
			`5: section "root/a [size=-1]": mark [size=-1] is not between 0 and `},
		{"a section twice", minimal + "-- root/a --\n-- root/a --\n", `6: section "root/a" appears twice`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse([]byte(c.text))
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got  %q\nwant %q", err, c.want)
			}
		})
	}
}

func TestReadNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "12-typo.txtar")
	if err := os.WriteFile(path, []byte(minimal+"agnt: registers\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Read(path)
	if want := path + `:5: unknown key "agnt": did you mean agent?`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := os.WriteFile(path, []byte(minimal), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Read(path)
	if err != nil || c.Name != "12-typo" {
		t.Errorf("got %+v, %v", c, err)
	}
}

// FuzzParse checks that no text makes the reader panic or leave the disk.
func FuzzParse(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add([]byte(minimal + "agent: {config: x}\n-- root/a [crlf] [size=3] [link=b] --\nx\n-- later/a --\n@T @T-5m\n"))
	f.Add([]byte("-- --"))
	f.Add([]byte("-- case.yaml --\na: &a [*a]\n<<: *a\n"))
	f.Add([]byte("-- case.yaml --\nsteps: {a: b}\nlines: 3\ntls: [x]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data)
		if err != nil {
			return
		}
		for _, file := range append(c.Files, c.Later...) {
			if !filepath.IsLocal(file.Name) {
				t.Errorf("%q leaves the disk", file.Name)
			}
			Dated(file.Data, time.Unix(0, 0))
		}
	})
}
