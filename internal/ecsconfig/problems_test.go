package ecsconfig

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMisreadLinesAreReportedAndRepaired(t *testing.T) {
	tests := map[string]struct {
		before, after string
		repairs       []string // of the only line, or each with its "line: "
	}{
		"a right line":                  {"ECS_CLUSTER=prod", "ECS_CLUSTER=prod", nil},
		"double quotes":                 {`ECS_CLUSTER="prod"`, `ECS_CLUSTER=prod`, []string{"remove the quotes"}},
		"single quotes":                 {`ECS_CLUSTER='prod'`, `ECS_CLUSTER=prod`, []string{"remove the quotes"}},
		"quotes within quotes":          {`ECS_CLUSTER='"prod"'`, `ECS_CLUSTER=prod`, []string{"remove the quotes"}},
		"quotes around spaces":          {`ECS_CLUSTER=" prod "`, `ECS_CLUSTER=prod`, []string{"remove the quotes"}},
		"quotes around nothing":         {`HTTP_PROXY=""`, `HTTP_PROXY=`, []string{"remove the quotes"}},
		"JSON in single quotes":         {`ECS_INSTANCE_ATTRIBUTES='{"a":"b"}'`, `ECS_INSTANCE_ATTRIBUTES={"a":"b"}`, []string{"remove the quotes"}},
		"JSON with escaped quotes":      {`ECS_INSTANCE_ATTRIBUTES="{\"a\":\"b\"}"`, `ECS_INSTANCE_ATTRIBUTES={"a":"b"}`, []string{"remove the quotes"}},
		"JSON with quotes not escaped":  {`ECS_RESERVED_X="["a"]"`, `ECS_RESERVED_X=["a"]`, []string{"remove the quotes"}},
		"export":                        {"export ECS_CLUSTER=prod", "ECS_CLUSTER=prod", []string{`remove "export"`}},
		"export and a tab":              {"  export\tECS_CLUSTER=prod", "ECS_CLUSTER=prod", []string{`remove "export"`}},
		"a variable called export":      {"export=1", "export=1", nil},
		"space before =":                {"ECS_CLUSTER =prod", "ECS_CLUSTER=prod", []string{"remove the space"}},
		"space after =":                 {"ECS_CLUSTER=\tprod", "ECS_CLUSTER=prod", []string{"remove the space"}},
		"a no-break space":              {"ECS_CLUSTER\u00a0=prod", "ECS_CLUSTER=prod", []string{"remove the space"}},
		"byte order mark":               {"\ufeffECS_CLUSTER=prod", "ECS_CLUSTER=prod", []string{"remove the mark"}},
		"byte order mark, comment":      {"\ufeff# settings", "\ufeff# settings", nil},
		"only a byte order mark":        {"\ufeff", "\ufeff", nil},
		"CRLF is kept":                  {"A=\"1\"\r\n", "A=1\r\n", []string{"remove the quotes"}},
		"all at once":                   {"\ufeffexport A = \"1\"", "A=1", []string{"remove the mark", `remove "export"`, "remove the space", "remove the space", "remove the quotes"}},
		"duplicates":                    {"A=1\nB=2\nA=3\n", "B=2\nA=3\n", []string{"drop this line"}},
		"a misread duplicate is meant":  {"A=1\nexport A=2\n", "A=2\n", []string{"drop this line", `remove "export"`}},
		"comments":                      {"# A = \"1\"\n;export B=2\n", "# A = \"1\"\n;export B=2\n", nil},
		"a quote that is only opened":   {`A="1`, `A="1`, nil},
		"quotes that are two":           {`A="1" "2"`, `A="1" "2"`, nil},
		"an escaped closing quote":      {`A="1\"`, `A="1\"`, nil},
		"a single quote character":      {`A="`, `A="`, nil},
		"no name":                       {`="1"`, `="1"`, nil},
		"words that are no name":        {`docker run -e A="1"`, `docker run -e A="1"`, nil},
		"export of two names":           {`export A B="1"`, `export A B="1"`, nil},
		"junk":                          {"EOF\n\x00\xff", "EOF\n\x00\xff", nil},
		"backslashes in double quotes":  {`A="a\\b\$c\d"`, `A=a\b$c\d`, []string{"remove the quotes"}},
		"backslashes in single quotes":  {`A='a\b'`, `A=a\b`, []string{"remove the quotes"}},
		"a non-ASCII value in quotes":   {`A="é"`, `A=é`, []string{"remove the quotes"}},
		"only blank lines":              {"\n \n\t\n", "\n \n\t\n", nil},
		"an apostrophe in quoted JSON":  {`A='{"a":"it's"}'`, `A={"a":"it's"}`, []string{"remove the quotes"}},
		"indentation alone is harmless": {"  A=1", "  A=1", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := Parse([]byte(test.before))
			announced := slices.DeleteFunc(f.Problems(), func(p Problem) bool { return p.Repair == "" })
			done := f.Repair()
			if !cmp.Equal(announced, done) {
				t.Error("Problems and Repair disagree", cmp.Diff(announced, done))
			}
			var repairs []string
			for _, p := range done {
				repairs = append(repairs, p.Repair)
			}
			if !cmp.Equal(repairs, test.repairs) {
				t.Error(cmp.Diff(test.repairs, repairs))
			}
			if got := string(f.Bytes()); got != test.after {
				t.Errorf("got %q, want %q", got, test.after)
			}
			if again := f.Repair(); len(again) > 0 {
				t.Errorf("a second Repair: %+v", again)
			}
		})
	}
}

func TestProblemsThatOnlyAPersonCanMend(t *testing.T) {
	tests := map[string]struct {
		data string
		want []Problem
	}{
		"bad JSON":           {"A=1\nECS_INSTANCE_ATTRIBUTES={\"a\":1}\n", []Problem{{Line: 2, Key: "ECS_INSTANCE_ATTRIBUTES", What: `is not a JSON object of strings, such as {"name":"value"}`}}},
		"empty cluster":      {"ECS_CLUSTER=\n", []Problem{{Line: 1, Key: "ECS_CLUSTER", What: "is empty: the agent would join the cluster called default"}}},
		"remark after value": {"ECS_POLL_METRICS=true # since May\n", []Problem{{Line: 1, Key: "ECS_POLL_METRICS", What: "is not true or false"}}},
		"backslash":          {"A=1\\\nB=2\n", []Problem{{Line: 1, Key: "A", What: "ends in a backslash: systemd joins the next line to this one, the agent does not"}}},
		"backslash, comment": {"# a \\\r\nB=2\n", []Problem{{Line: 1, What: "ends in a backslash: systemd joins the next line to this one, the agent does not"}}},
		"escaped backslash":  {"A=1\\\\\n", nil},
		"no =":               {"\nECS_CLUSTER: prod\n", []Problem{{Line: 2, What: `has no "=": the agent ignores the line`}}},
		"no name":            {"=hunter2\n", []Problem{{Line: 1, What: `has no variable's name before "="`}}},
		"open quote":         {"A=\"hunter2\n", []Problem{{Line: 1, Key: "A", What: "begins with a quote: the agent takes quotes for a part of the value, write it without"}}},
		"lone CR":            {"A=1\rB=2\n", []Problem{{Line: 1, Key: "A", What: "holds a line break or another control character"}}},
		"overridden":         {"ECS_CLUSTER=\nECS_CLUSTER=prod\n", []Problem{{1, "ECS_CLUSTER", "is set again on line 2: only the last one counts", "drop this line"}}},
		"nothing wrong":      {"# settings\n\nECS_CLUSTER=prod\nECS_RESERVED_PORTS=[22]\n", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Parse([]byte(test.data)).Problems(); !cmp.Equal(got, test.want) {
				t.Error(cmp.Diff(test.want, got))
			}
		})
	}
}

func TestProblemsNeverHoldAValue(t *testing.T) {
	const secret = "hunter2hunter2"
	for _, form := range []string{
		"ECS_ENGINE_AUTH_DATA=%s", "ECS_ENGINE_AUTH_DATA={\"%s\"", "export X='%s'", "docker login -p %s=", "%s", "=%s", "ECS_CLUSTER=%s!",
		"ECS_RESERVED_MEMORY=%s", "ECS_RESERVED_PORTS=[\"%s\"]", "ECS_AVAILABLE_LOGGING_DRIVERS=[\"%s\"]", "X=\"%s\nX=%[1]s\\",
		"ECS_AWSVPC_ADDITIONAL_LOCAL_ROUTES=[\"%s\"]", "ECS_IMAGE_PULL_TIMEOUT=%s", "ECS_DYNAMIC_HOST_PORT_RANGE=%s", "X= %s",
	} {
		problems := Parse(fmt.Appendf(nil, form, secret)).Problems()
		if len(problems) == 0 {
			t.Errorf("%s: no problem", form)
		}
		if text := fmt.Sprint(problems); strings.Contains(text, secret) {
			t.Errorf("%s: %s", form, text)
		}
	}
}

func FuzzRepair(f *testing.F) {
	f.Add([]byte("export A = \"1\"\nA=\"\\\"x\\\"\"\n\ufeffB='\"2\"'\r\n#C=\"3\"\nD"))
	f.Add([]byte("A=\"\"1\"\"\nA='{\"a\":'b'}'\nexport export B=1\n= 2"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file := Parse(data)
		suspects := map[string]bool{} // keys with a repair; their reading may change
		for _, p := range file.Problems() {
			if p.Line < 1 || p.Line > len(file.lines) || p.What == "" {
				t.Fatalf("odd problem: %+v", p)
			}
			if p.Repair != "" {
				suspects[p.Key] = true
			}
		}
		file.Repair()
		once := file.Bytes()
		if again := file.Repair(); len(again) > 0 || !bytes.Equal(file.Bytes(), once) {
			t.Fatalf("a second Repair did %+v", again)
		}
		after := agentEnvironment(once)
		for key, value := range agentEnvironment(data) {
			if got, ok := after[key]; !suspects[intended(key+"=").key] && (!ok || got != value) {
				t.Fatalf("%q was %q and is %q, %v", key, value, got, ok)
			}
		}
	})
}
