package ecsconfig

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// agentEnvironment is the oracle: an independent implementation of getEnvVars of ecs-init/docker/docker.go, which shares
// no code with the package.
func agentEnvironment(data []byte) map[string]string {
	env := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		parts := strings.SplitN(strings.TrimSpace(line), "=", 2)
		if len(parts) == 2 {
			env[parts[0]] = parts[1]
		}
	}
	return env
}

func environmentOf(f *File) map[string]string {
	env := map[string]string{}
	for _, key := range f.Keys() {
		env[key], _ = f.Get(key)
	}
	return env
}

func TestFileIsReadLikeTheAgent(t *testing.T) {
	tests := map[string]struct {
		data string
		want map[string]string
	}{
		"nothing":                             {"", map[string]string{}},
		"only white space":                    {" \n\t\r\n", map[string]string{}},
		"one line":                            {"ECS_CLUSTER=prod\n", map[string]string{"ECS_CLUSTER": "prod"}},
		"no final newline":                    {"A=1\nB=2", map[string]string{"A": "1", "B": "2"}},
		"CRLF":                                {"A=1\r\nB=2\r\n", map[string]string{"A": "1", "B": "2"}},
		"last duplicate wins":                 {"A=1\nB=2\nA=3\n", map[string]string{"A": "3", "B": "2"}},
		"value may hold =":                    {"A=b=c\n", map[string]string{"A": "b=c"}},
		"quotes stay":                         {`A="1"`, map[string]string{"A": `"1"`}},
		"a comment is a key":                  {"#X=y\n; Z=1\n", map[string]string{"#X": "y", "; Z": "1"}},
		"export stays in the key":             {"export A=1\n", map[string]string{"export A": "1"}},
		"space before = stays in the key":     {"A =1\n", map[string]string{"A ": "1"}},
		"space after = stays in the value":    {"A= 1 \n", map[string]string{"A": " 1"}},
		"indentation is removed":              {"\t A=1\n", map[string]string{"A": "1"}},
		"a line without = is ignored":         {"ECS_CLUSTER prod\n", map[string]string{}},
		"empty key":                           {"=1\n", map[string]string{"": "1"}},
		"empty value":                         {"A=\n", map[string]string{"A": ""}},
		"byte order mark stays in the key":    {"\ufeffA=1\n", map[string]string{"\ufeffA": "1"}},
		"a lone carriage return ends no line": {"A=1\rB=2\n", map[string]string{"A": "1\rB=2"}},
		"a backslash continues nothing":       {"A=1\\\nB=2\n", map[string]string{"A": `1\`, "B": "2"}},
		"non-ASCII and NUL":                   {"A=é\x00\xff\n", map[string]string{"A": "é\x00\xff"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := environmentOf(Parse([]byte(test.data))); !cmp.Equal(got, test.want) {
				t.Error(cmp.Diff(test.want, got))
			}
			if got := agentEnvironment([]byte(test.data)); !cmp.Equal(got, test.want) {
				t.Errorf("the oracle disagrees: %s", cmp.Diff(test.want, got))
			}
		})
	}
}

func TestKeysComeInFileOrderAndOnce(t *testing.T) {
	got := Parse([]byte("B=1\nA=2\n# note\nB=3\n")).Keys()
	if want := []string{"B", "A"}; !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}

func TestGetOfAnAbsentKey(t *testing.T) {
	if value, ok := new(File).Get("ECS_CLUSTER"); ok || value != "" {
		t.Errorf("Get = %q, %v", value, ok)
	}
}

func TestSetMergesInPlace(t *testing.T) {
	tests := map[string]struct{ before, after string }{
		"an empty file":                     {"", "ECS_CLUSTER=prod\n"},
		"absent is appended":                {"A=1\n", "A=1\nECS_CLUSTER=prod\n"},
		"append to no final newline":        {"A=1", "A=1\nECS_CLUSTER=prod\n"},
		"append to CRLF":                    {"A=1\r\nB=2", "A=1\r\nB=2\r\nECS_CLUSTER=prod\r\n"},
		"replaced in place":                 {"A=1\nECS_CLUSTER=test\nB=2\n", "A=1\nECS_CLUSTER=prod\nB=2\n"},
		"replaced without a final newline":  {"A=1\nECS_CLUSTER=test", "A=1\nECS_CLUSTER=prod"},
		"replaced within CRLF":              {"ECS_CLUSTER=test\r\nA=1\r\n", "ECS_CLUSTER=prod\r\nA=1\r\n"},
		"duplicates collapse into the last": {"ECS_CLUSTER=a\nA=1\nECS_CLUSTER=b\nB=2\n", "A=1\nECS_CLUSTER=prod\nB=2\n"},
		"misread lines are meant too":       {"ECS_CLUSTER=a\nexport ECS_CLUSTER=b\n", "ECS_CLUSTER=prod\n"},
		"comments are not":                  {"#ECS_CLUSTER=a\n; ECS_CLUSTER=b\n", "#ECS_CLUSTER=a\n; ECS_CLUSTER=b\nECS_CLUSTER=prod\n"},
		"a correct line stays unchanged":    {"  ECS_CLUSTER=prod  \r\n", "  ECS_CLUSTER=prod  \r\n"},
		"junk, blanks and order stay":       {"\n \nEOF\n\xff\x00\nECS_CLUSTER=x\n\n", "\n \nEOF\n\xff\x00\nECS_CLUSTER=prod\n\n"},
		"a byte order mark is removed":      {"\ufeffECS_CLUSTER=x\n", "ECS_CLUSTER=prod\n"},
		"a longer name is another key":      {"ECS_CLUSTER_X=1\n", "ECS_CLUSTER_X=1\nECS_CLUSTER=prod\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := Parse([]byte(test.before))
			for range 2 { // the second call changes nothing
				if err := f.Set("ECS_CLUSTER", "prod"); err != nil {
					t.Fatal(err)
				}
				if got := string(f.Bytes()); got != test.after {
					t.Fatalf("got %q, want %q", got, test.after)
				}
			}
		})
	}
}

func TestRejectedSetLeavesTheFile(t *testing.T) {
	before := "ECS_CLUSTER=a\nECS_CLUSTER=b\n"
	f := Parse([]byte(before))
	for _, bad := range [][2]string{{"ECS CLUSTER", "x"}, {"ECS_CLUSTER", ""}, {"ECS_CLUSTER", "a\nECS_X=1"}} {
		if err := f.Set(bad[0], bad[1]); err == nil {
			t.Errorf("Set(%q, %q) succeeded", bad[0], bad[1])
		}
	}
	if got := string(f.Bytes()); got != before {
		t.Errorf("the file became %q", got)
	}
}

// tenMegabytes returns files that could be slow to parse: many lines, one long line, and nested quotes.
func tenMegabytes() map[string][]byte {
	var many bytes.Buffer
	for i := 0; many.Len() < 10<<20; i++ {
		fmt.Fprintf(&many, "KEY_%d=value %d\n", i%5000, i)
	}
	one := []byte("A=" + strings.Repeat("x", 10<<20) + "\n")
	quotes := []byte("A=" + strings.Repeat(`"'`, 5<<20) + `"` + "\n")
	return map[string][]byte{"many lines": many.Bytes(), "one line": one, "quotes": quotes}
}

func TestLargeFiles(t *testing.T) {
	for name, data := range tenMegabytes() {
		t.Run(name, func(t *testing.T) {
			f := Parse(data)
			before := agentEnvironment(data)
			if err := f.Set("ECS_CLUSTER", "prod"); err != nil {
				t.Fatal(err)
			}
			f.Repair()
			after := agentEnvironment(f.Bytes())
			before["ECS_CLUSTER"] = "prod"
			if !cmp.Equal(before, after) {
				t.Error("the agent reads different values than before")
			}
		})
	}
}

func BenchmarkTenMegabytes(b *testing.B) {
	for name, data := range tenMegabytes() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() { // what bootstrap --dry-run does
				f := Parse(data)
				f.Repair()
				if err := f.Set("ECS_CLUSTER", "prod"); err != nil {
					b.Fatal(err)
				}
				Diff("p", data, f.Bytes())
			}
		})
	}
}

func FuzzSet(f *testing.F) {
	f.Add([]byte("ECS_CLUSTER=a\nexport ECS_CLUSTER=b\nX = \"1\""), "ECS_CLUSTER", "prod")
	f.Add([]byte("\ufeffA=1\r\nA=2\r\n#A=3"), "A", "é=1")
	f.Add([]byte("A=1\\\n"), "ECS_RESERVED_PORTS", "[22]")
	f.Fuzz(func(t *testing.T, data []byte, key, value string) {
		file := Parse(data)
		if !bytes.Equal(file.Bytes(), data) {
			t.Fatal("Parse and Bytes change the file")
		}
		before := agentEnvironment(data)
		if got := environmentOf(file); !cmp.Equal(got, before) {
			t.Fatal(cmp.Diff(before, got))
		}
		if file.Set(key, value) != nil {
			if !bytes.Equal(file.Bytes(), data) {
				t.Fatal("a rejected Set changed the file")
			}
			return
		}
		if plain, ok := fromUTF16(data); ok {
			before = agentEnvironment(plain)
		}
		for name := range before { // Set removes misread lines of the key
			if intended(name+"=").key == key {
				delete(before, name)
			}
		}
		before[key] = value
		if after := agentEnvironment(file.Bytes()); !cmp.Equal(after, before) {
			t.Fatal(cmp.Diff(before, after))
		}
		for _, p := range file.Problems() {
			if p.Key == key && p.Severity != UnknownKey {
				t.Fatalf("Set left a problem: %+v", p)
			}
		}
	})
}

func TestLineIsTheLastOne(t *testing.T) {
	f := Parse([]byte("A=1\n# B=2\nA=3\n"))
	for key, want := range map[string]int{"A": 3, "B": 0, "# B": 2} {
		if got := f.Line(key); got != want {
			t.Errorf("%q is on line %d, want %d", key, got, want)
		}
	}
}
