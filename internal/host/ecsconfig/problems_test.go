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
		"a correct line":        {"ECS_CLUSTER=prod", "ECS_CLUSTER=prod", nil},
		"double quotes":         {`ECS_CLUSTER="prod"`, `ECS_CLUSTER=prod`, []string{"remove the quotes"}},
		"single quotes":         {`ECS_CLUSTER='prod'`, `ECS_CLUSTER=prod`, []string{"remove the quotes"}},
		"quotes within quotes":  {`ECS_CLUSTER='"prod"'`, `ECS_CLUSTER=prod`, []string{"remove the quotes"}},
		"quotes around spaces":  {`ECS_CLUSTER=" prod "`, `ECS_CLUSTER=prod`, []string{"remove the quotes"}},
		"quotes around nothing": {`HTTP_PROXY=""`, `HTTP_PROXY=`, []string{"remove the quotes"}},
		"JSON in single quotes": {
			`ECS_INSTANCE_ATTRIBUTES='{"a":"b"}'`,
			`ECS_INSTANCE_ATTRIBUTES={"a":"b"}`,
			[]string{"remove the quotes"},
		},
		"JSON with escaped quotes": {
			`ECS_INSTANCE_ATTRIBUTES="{\"a\":\"b\"}"`,
			`ECS_INSTANCE_ATTRIBUTES={"a":"b"}`,
			[]string{"remove the quotes"},
		},
		"JSON with quotes not escaped": {`ECS_RESERVED_X="["a"]"`, `ECS_RESERVED_X=["a"]`, []string{"remove the quotes"}},
		"export":                       {"export ECS_CLUSTER=prod", "ECS_CLUSTER=prod", []string{`remove "export"`}},
		"export and a tab":             {"  export\tECS_CLUSTER=prod", "ECS_CLUSTER=prod", []string{`remove "export"`}},
		"a variable called export":     {"export=1", "export=1", nil},
		"space before =":               {"ECS_CLUSTER =prod", "ECS_CLUSTER=prod", []string{"remove the space"}},
		"space after =":                {"ECS_CLUSTER=\tprod", "ECS_CLUSTER=prod", []string{"remove the space"}},
		"a no-break space":             {"ECS_CLUSTER\u00a0=prod", "ECS_CLUSTER=prod", []string{"remove the space"}},
		"byte order mark":              {"\ufeffECS_CLUSTER=prod", "ECS_CLUSTER=prod", []string{"remove the mark"}},
		"byte order mark, comment":     {"\ufeff# settings", "\ufeff# settings", nil},
		"only a byte order mark":       {"\ufeff", "\ufeff", nil},
		"CRLF is kept":                 {"A=\"1\"\r\n", "A=1\r\n", []string{"remove the quotes"}},
		"all at once": {
			"\ufeffexport A = \"1\"",
			"A=1",
			[]string{"remove the mark", `remove "export"`, "remove the space", "remove the space", "remove the quotes"},
		},
		"duplicates":                   {"A=1\nB=2\nA=3\n", "B=2\nA=3\n", []string{"drop this line"}},
		"a misread duplicate is meant": {"A=1\nexport A=2\n", "A=2\n", []string{"drop this line", `remove "export"`}},
		"comments":                     {"# A = \"1\"\n;export B=2\n", "# A = \"1\"\n;export B=2\n", nil},
		"a quote that is only opened":  {`A="1`, `A="1`, nil},
		"two quoted strings":           {`A="1" "2"`, `A="1" "2"`, nil},
		"an escaped closing quote":     {`A="1\"`, `A="1\"`, nil},
		"a single quote character":     {`A="`, `A="`, nil},
		"no name":                      {`="1"`, `="1"`, nil},
		"words that are no name":       {`docker run -e A="1"`, `docker run -e A="1"`, nil},
		"export of two names":          {`export A B="1"`, `export A B="1"`, nil},
		"junk":                         {"EOF\n\x00\xff", "EOF\n\x00\xff", nil},
		"backslashes in double quotes": {`A="a\\b\$c\d"`, `A=a\b$c\d`, []string{"remove the quotes"}},
		"backslashes in single quotes": {`A='a\b'`, `A=a\b`, []string{"remove the quotes"}},
		"a non-ASCII value in quotes":  {`A="é"`, `A=é`, []string{"remove the quotes"}},
		"only blank lines":             {"\n \n\t\n", "\n \n\t\n", nil},
		"an apostrophe in quoted JSON": {`A='{"a":"it's"}'`, `A={"a":"it's"}`, []string{"remove the quotes"}},
		"indentation is harmless":      {"  A=1", "  A=1", nil},
		"a comment after a value":      {"ECS_CLUSTER=prod # main", "ECS_CLUSTER=prod", []string{"remove the comment"}},
		"a comment after quotes": {
			`ECS_CLUSTER="prod" # main`,
			"ECS_CLUSTER=prod",
			[]string{"remove the comment", "remove the quotes"},
		},
		"no comment within quotes":     {`ECS_INSTANCE_ATTRIBUTES={"a":"b # c"}`, `ECS_INSTANCE_ATTRIBUTES={"a":"b # c"}`, nil},
		"no comment of an unknown key": {"A=1 # 2", "A=1 # 2", nil},
		"two settings": {
			"ECS_CLUSTER=prod ECS_RESERVED_MEMORY=256",
			"ECS_CLUSTER=prod\nECS_RESERVED_MEMORY=256",
			[]string{"put each on its own line", "put it on its own line"},
		},
		"appended without a newline": {
			"ECS_LOGLEVEL=infoECS_CLUSTER=prod\n",
			"ECS_LOGLEVEL=info\nECS_CLUSTER=prod\n",
			[]string{"put each on its own line", "put it on its own line"},
		},
		"a name within a name": {"ECS_CLUSTER=xECS_CLUSTER\n", "ECS_CLUSTER=xECS_CLUSTER\n", nil},
		"three, with semicolons": {
			"ECS_CLUSTER=prod; export ECS_RESERVED_MEMORY=256;ECS_LOGLEVEL=debug\r\n",
			"ECS_CLUSTER=prod\r\nECS_RESERVED_MEMORY=256\r\nECS_LOGLEVEL=debug\r\n",
			[]string{
				"put each on its own line", "put it on its own line", "put each on its own line", "put it on its own line"},
		},
		"a line break that echo wrote": {
			`ECS_CLUSTER=prod\nECS_LOGLEVEL=debug\n`,
			"ECS_CLUSTER=prod\nECS_LOGLEVEL=debug",
			[]string{"put each on its own line", "put it on its own line", "remove it"},
		},
		"two settings, one overridden": {
			"ECS_LOGLEVEL=warn\nECS_CLUSTER=prod ECS_LOGLEVEL=info\n",
			"ECS_CLUSTER=prod\nECS_LOGLEVEL=info\n",
			[]string{"drop this line", "put each on its own line", "put it on its own line"},
		},
		"carriage returns": {
			"ECS_CLUSTER=prod\rECS_LOGLEVEL=info\r",
			"ECS_CLUSTER=prod\nECS_LOGLEVEL=info\n",
			[]string{"use line feeds"},
		},
		"an unknown key in a value":       {"ECS_CLUSTER=prod X=1", "ECS_CLUSTER=prod X=1", nil},
		"wrong case":                      {"ECS_Cluster=prod", "ECS_CLUSTER=prod", []string{"write ECS_CLUSTER"}},
		"hyphens in a name":               {"ECS-CLUSTER=prod", "ECS_CLUSTER=prod", []string{"write ECS_CLUSTER"}},
		"lower case is proxies' own":      {"http_proxy=10.0.0.1:3128", "http_proxy=10.0.0.1:3128", nil},
		"a name in quotes":                {`"ECS_CLUSTER"="prod"`, "ECS_CLUSTER=prod", []string{"remove the quotes", "remove the quotes"}},
		"an item of a list":               {"- ECS_CLUSTER=prod", "ECS_CLUSTER=prod", []string{`remove "-"`}},
		"typographic quotes":              {"ECS_CLUSTER=“prod”", "ECS_CLUSTER=prod", []string{"remove the quotes"}},
		"a zero-width space":              {"ECS_CLUSTER=prod\u200b", "ECS_CLUSTER=prod", []string{"remove the character"}},
		"a zero-width space in the name":  {"ECS_\u200bCLUSTER=prod", "ECS_CLUSTER=prod", []string{"remove the character"}},
		"a blank behind an invisible one": {"A=\ufeff 0", "A=0", []string{"remove the character"}},
		"a trailing comma":                {"ECS_CLUSTER=prod,", "ECS_CLUSTER=prod", []string{"remove it"}},
		"a trailing semicolon":            {"ECS_RESERVED_MEMORY=256;", "ECS_RESERVED_MEMORY=256", []string{"remove it"}},
		"escaped quotes": {
			`ECS_AVAILABLE_LOGGING_DRIVERS=[\"json-file\",\"awslogs\"]`,
			`ECS_AVAILABLE_LOGGING_DRIVERS=["json-file","awslogs"]`,
			[]string{"remove the backslashes"},
		},
		"quotes that a shell removed": {
			`ECS_AVAILABLE_LOGGING_DRIVERS=[json-file,awslogs]`,
			`ECS_AVAILABLE_LOGGING_DRIVERS=["json-file","awslogs"]`,
			[]string{"add the quotes"},
		},
		"an object without quotes": {
			`ECS_INSTANCE_ATTRIBUTES={stack:prod, tier: web}`,
			`ECS_INSTANCE_ATTRIBUTES={"stack":"prod", "tier": "web"}`,
			[]string{"add the quotes"},
		},
		"single quotes in JSON": {
			`ECS_INSTANCE_ATTRIBUTES={'stack': 'prod'}`,
			`ECS_INSTANCE_ATTRIBUTES={"stack": "prod"}`,
			[]string{"use double quotes"},
		},
		"a trailing comma in JSON": {
			`ECS_INSTANCE_ATTRIBUTES={"stack":"prod",}`,
			`ECS_INSTANCE_ATTRIBUTES={"stack":"prod"}`,
			[]string{"remove the comma"},
		},
		"typographic quotes in JSON": {
			`ECS_INSTANCE_ATTRIBUTES={“stack”:“prod”}`,
			`ECS_INSTANCE_ATTRIBUTES={"stack":"prod"}`,
			[]string{"use straight quotes"},
		},
		"JSON over several lines": {
			"ECS_INSTANCE_ATTRIBUTES={\n  \"a\": \"b\",\n  \"c\": \"d\"\n}\nECS_CLUSTER=prod\n",
			"ECS_INSTANCE_ATTRIBUTES={\"a\":\"b\",\"c\":\"d\"}\nECS_CLUSTER=prod\n",
			[]string{"join the lines"},
		},
		"JSON that never ends": {
			"ECS_INSTANCE_ATTRIBUTES={\nECS_CLUSTER=prod\n",
			"ECS_INSTANCE_ATTRIBUTES={\nECS_CLUSTER=prod\n",
			nil,
		},
		"UTF-16, little endian": {
			"\xff\xfeA\x00=\x00\"\x001\x00\"\x00\n\x00",
			"A=1\n",
			[]string{"convert it to UTF-8", "remove the quotes"},
		},
		"UTF-16, big endian":    {"\xfe\xff\x00A\x00=\x001\x00\r\x00\n", "A=1\r\n", []string{"convert it to UTF-8"}},
		"UTF-16 without a mark": {"A\x00=\x001\x00\n\x00", "A=1\n", []string{"convert it to UTF-8"}},
		"a template":            {"ECS_CLUSTER=${Cluster}", "ECS_CLUSTER=${Cluster}", nil},
		"an en dash":            {"ECS_CLUSTER=prod–eu", "ECS_CLUSTER=prod–eu", nil},
		"YAML":                  {"ECS_CLUSTER: prod", "ECS_CLUSTER: prod", nil},
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

// Severities and effects come from the agent's source: agent/config/config.go and parse.go show which errors are fatal
// and which values have a default.
func TestProblemsNameLineKeyAndEffect(t *testing.T) {
	tests := map[string]struct {
		data string
		want []string // severity, line, key, problem; effect
	}{
		"bad JSON": {
			"A=1\nECS_INSTANCE_ATTRIBUTES={\"a\":1}\n",
			[]string{
				`fatal: line 2: ECS_INSTANCE_ATTRIBUTES is not a JSON object of strings; it must be a JSON object of strings, such as ` +
					`{"name":"value"}; ` + agentExits,
			},
		},
		"quoted JSON that kills": {"ECS_INSTANCE_ATTRIBUTES='{\"a\":\"b\"}'\n", []string{
			"fatal: line 1: ECS_INSTANCE_ATTRIBUTES has quotes around its value; " + agentExits}},
		"quoted JSON that is ignored": {"ECS_RESERVED_PORTS='[22]'\n", []string{
			"ignored: line 1: ECS_RESERVED_PORTS has quotes around its value; the ECS agent uses [22,2375,2376,51678,51679]"}},
		"quotes that systemd removes": {"ECS_LOG_OPTS='{\"max-size\":\"1m\"}'\n", []string{
			"cosmetic: line 1: ECS_LOG_OPTS has quotes around its value; "}},
		"a quoted cluster": {"ECS_CLUSTER=\"prod\"\n", []string{"refused: line 1: ECS_CLUSTER has quotes around its value; " + ecsRefuses}},
		"a space that the agent trims": {
			"ECS_CLUSTER= prod\nAWS_DEFAULT_REGION= eu-west-1\nECS_POLL_METRICS= true\nECS_TASK_PIDS_LIMIT= 5\n",
			[]string{
				`cosmetic: line 1: ECS_CLUSTER has a space after "="; `,
				`cosmetic: line 2: AWS_DEFAULT_REGION has a space after "="; `,
				`cosmetic: line 3: ECS_POLL_METRICS has a space after "="; `,
				`cosmetic: line 4: ECS_TASK_PIDS_LIMIT has a space after "="; `,
			},
		},
		// strconv.ParseUint and time.ParseDuration reject blanks.
		"a space that it does not trim": {"ECS_RESERVED_MEMORY= 256\nECS_CONTAINER_STOP_TIMEOUT= 1m\n", []string{
			`ignored: line 1: ECS_RESERVED_MEMORY has a space after "="; the ECS agent uses 0`,
			`ignored: line 2: ECS_CONTAINER_STOP_TIMEOUT has a space after "="; the ECS agent uses 30s`}},
		"export": {
			"export ECS_CLUSTER=prod\n",
			[]string{`misread: line 1: ECS_CLUSTER has "export" before its name; the ECS agent does not see ECS_CLUSTER`},
		},
		"wrong case": {
			"ECS_Cluster=prod\n",
			[]string{
				"misread: line 1: ECS_Cluster is not a setting of the ECS agent: did you mean ECS_CLUSTER?; the ECS agent does not see ECS_CLUSTER",
			},
		},
		"a wrong letter": {
			"ECS_LOGLEVEl=warn\n",
			[]string{
				"misread: line 1: ECS_LOGLEVEl is not a setting of the ECS agent: did you mean ECS_LOGLEVEL?; the ECS agent does not see ECS_LOGLEVEL",
			},
		},
		"unknown keys": {
			"ECS_RESERVE_MEMORY=1\nECS_RESERVED_MEM=1\ninfoECS_CLUSTER=p\nECS_CLUSTERNAME=p\n" +
				"ESC_CLUSTER=p\nAWS_DEFAULT_REGOIN=x\nCLUSTER=p\nECS_FROBNICATE=1\n",
			[]string{
				"unknown key: line 1: ECS_RESERVE_MEMORY is not a setting of the ECS agent: did you mean ECS_RESERVED_MEMORY?; the ECS agent " +
					"ignores it",
				"unknown key: line 2: ECS_RESERVED_MEM is not a setting of the ECS agent: did you mean ECS_RESERVED_MEMORY?; the ECS agent ignores it",
				"unknown key: line 3: infoECS_CLUSTER is not a setting of the ECS agent: did you mean ECS_CLUSTER?; the ECS agent ignores it",
				"unknown key: line 4: ECS_CLUSTERNAME is not a setting of the ECS agent: did you mean ECS_CLUSTER?; the ECS agent ignores it",
				"unknown key: line 5: ESC_CLUSTER is not a setting of the ECS agent: did you mean ECS_CLUSTER?; the ECS agent ignores it",
				"unknown key: line 6: AWS_DEFAULT_REGOIN is not a setting of the ECS agent: did you mean AWS_DEFAULT_REGION?; the ECS agent ignores it",
				"unknown key: line 7: CLUSTER is not a setting of the ECS agent: did you mean ECS_CLUSTER?; the ECS agent ignores it",
				"unknown key: line 8: ECS_FROBNICATE is not a setting of the ECS agent up to version 1.105.1; the ECS agent ignores it",
			},
		},
		"variables of other programs": {"DD_API_KEY=x\nMY_CLUSTER_SIZE=3\nAWS_EXECUTION_ENV=x\nPATH=/bin\nCLUSTER=p\nECS_CLUSTER=p\n", nil},
		"empty cluster": {
			"ECS_CLUSTER=\n",
			[]string{"ignored: line 1: ECS_CLUSTER is empty; the ECS agent joins the cluster \"default\""},
		},
		"remark after value": {
			"ECS_POLL_METRICS=true # since May\n",
			[]string{"ignored: line 1: ECS_POLL_METRICS has a comment after its value; the ECS agent uses false"},
		},
		// json.Decoder stops after the array.
		"remark that is not read": {
			"ECS_AVAILABLE_LOGGING_DRIVERS=[\"awslogs\"] # all\n",
			[]string{"cosmetic: line 1: ECS_AVAILABLE_LOGGING_DRIVERS has a comment after its value; "},
		},
		"backslash":          {"A=1\\\nB=2\n", []string{"cosmetic: line 1: A " + endsInBackslash + "; "}},
		"backslash, comment": {"# a \\\r\nB=2\n", []string{"cosmetic: line 1: " + endsInBackslash + "; "}},
		"escaped backslash":  {"A=1\\\\\n", nil},
		"YAML": {
			"\nECS_CLUSTER: prod\n",
			[]string{`ignored: line 2: ECS_CLUSTER has ":" instead of "=" after its name: the ECS agent ignores the line; ` + lineIgnored},
		},
		"no =": {
			"ECS_CLUSTER prod\nEOF\n",
			[]string{
				`ignored: line 1: ECS_CLUSTER has no "=" after its name: the ECS agent ignores the line; ` + lineIgnored,
				`ignored: line 2: has no "="; ` + lineIgnored,
			},
		},
		"no name": {"=hunter2\n", []string{`fatal: line 1: has no name before "="; ` + noContainer}},
		"open quote": {
			"ECS_LOGFILE=\"hunter2\n",
			[]string{"misread: line 1: ECS_LOGFILE starts with a quote, which the ECS agent reads as part of the value; " + partOfValue},
		},
		"overridden": {
			"ECS_CLUSTER=\nECS_CLUSTER=prod\n",
			[]string{"overridden: line 1: ECS_CLUSTER is set again on line 2: only the last line takes effect; "},
		},
		// golang.org/x/net/http/httpproxy, useProxy: localhost is exempt without an entry.
		"completed": {
			"NO_PROXY=localhost,127.0.0.1\nNO_PROXY=169.254.169.254\n",
			[]string{"cosmetic: line 1: NO_PROXY is set again on line 2: only the last line takes effect; "},
		},
		"cut short": {
			"NO_PROXY=corp.example\nNO_PROXY=169.254.169.254\n",
			[]string{"overridden: line 1: NO_PROXY is set again on line 2: only the last line takes effect; "},
		},
		"set twice": {
			"ECS_CLUSTER=prod\nECS_CLUSTER=prod\n",
			[]string{"cosmetic: line 1: ECS_CLUSTER is set again on line 2: only the last line takes effect; "},
		},
		"two on a line": {"ECS_CLUSTER=prod ECS_RESERVED_MEMORY=256\n", []string{
			"refused: line 1: ECS_CLUSTER shares its line with ECS_RESERVED_MEMORY; " + ecsRefuses,
			"misread: line 1: ECS_RESERVED_MEMORY is on the same line as ECS_CLUSTER; the ECS agent does not see ECS_RESERVED_MEMORY"}},
		"a template that was not filled in": {"ECS_CLUSTER=${Cluster}\nECS_LOGFILE=$LOG\n", []string{
			"refused: line 1: ECS_CLUSTER contains a variable that was not replaced; " + ecsRefuses,
			"misread: line 2: ECS_LOGFILE contains a variable that was not replaced; " + partOfValue}},
		"an en dash": {
			"ECS_CLUSTER=prod\u2013eu\n",
			[]string{"refused: line 1: ECS_CLUSTER is not a valid cluster name; " + ecsRefuses},
		},
		"a path for a name": {
			"ECS_CLUSTER=cluster/prod\n",
			[]string{"refused: line 1: ECS_CLUSTER is not a valid cluster name; " + ecsRefuses},
		},
		"a zone for a region": {"AWS_DEFAULT_REGION=eu-west-1a\n", []string{
			"fatal: line 1: AWS_DEFAULT_REGION is the Availability Zone eu-west-1a, not a region; " + noSuchRegion}},
		"an unknown driver": {"ECS_AVAILABLE_LOGGING_DRIVERS=[\"json-file\",\"bogus\"]\n", []string{
			"fatal: line 1: ECS_AVAILABLE_LOGGING_DRIVERS lists the unknown logging driver bogus; " + agentExits}},
		"a number for a driver": {
			"ECS_AVAILABLE_LOGGING_DRIVERS=[\"json-file\",5]\n",
			[]string{
				`fatal: line 1: ECS_AVAILABLE_LOGGING_DRIVERS is not a JSON array of logging drivers; it must be a JSON array of logging drivers, ` +
					`such as ["json-file","awslogs"]; ` + agentExits,
			},
		},
		"drivers that are no list": {
			"ECS_AVAILABLE_LOGGING_DRIVERS=json-file,awslogs\n",
			[]string{
				`ignored: line 1: ECS_AVAILABLE_LOGGING_DRIVERS is not valid JSON at byte 1; it must be a JSON array of logging drivers, such as ` +
					`["json-file","awslogs"]; the ECS agent uses ["json-file","none"]`,
			},
		},
		"durations": {
			"ECS_IMAGE_CLEANUP_INTERVAL=1m\nECS_CONTAINER_START_TIMEOUT=1s\nECS_ENGINE_TASK_CLEANUP_WAIT_DURATION=0\n" +
				"ECS_IMAGE_PULL_TIMEOUT=90\nECS_CGROUP_CPU_PERIOD=1s\nECS_POLLING_METRICS_WAIT_DURATION=1m\n",
			[]string{
				"ignored: line 1: ECS_IMAGE_CLEANUP_INTERVAL is below the minimum of 10m; the ECS agent uses 30m",
				"ignored: line 2: ECS_CONTAINER_START_TIMEOUT is below the minimum of 45s; the ECS agent uses 45s",
				"ignored: line 3: ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION is 0, which the ECS agent treats as unset; the ECS agent uses 3h",
				"ignored: line 4: ECS_IMAGE_PULL_TIMEOUT is a duration without a unit, such as 90s, 10m or 3h; the ECS agent uses 2h",
				"ignored: line 5: ECS_CGROUP_CPU_PERIOD is above the maximum of 100ms; the ECS agent uses 100ms",
				"ignored: line 6: ECS_POLLING_METRICS_WAIT_DURATION is above the maximum of 20s; the ECS agent uses 20s"},
		},
		"memory with a unit": {"ECS_RESERVED_MEMORY=256MB\n", []string{
			"ignored: line 1: ECS_RESERVED_MEMORY is not a whole number from 0 to 65535: it has a unit; the ECS agent uses 0"}},
		"attributes that ECS refuses": {
			"ECS_INSTANCE_ATTRIBUTES={\"a\":\"" + strings.Repeat("x", 129) + "\"}\nECS_CONTAINER_INSTANCE_TAGS={\"aws:x\":\"y\"}\n",
			[]string{
				"refused: line 1: ECS_INSTANCE_ATTRIBUTES has attribute a with a value of 129 characters; ECS allows 128; " + ecsRefuses,
				"refused: line 2: ECS_CONTAINER_INSTANCE_TAGS has tag aws:x with the reserved prefix aws:; " + ecsRefuses},
		},
		"UTF-16": {
			"\xff\xfeE\x00C\x00S\x00_\x00C\x00L\x00U\x00S\x00T\x00E\x00R\x00=\x00p\x00\n\x00",
			[]string{
				"fatal: is UTF-16 text; " + nothingRead + "; the NUL bytes in it may also keep Docker from starting the agent's container",
			},
		},
		"NUL":  {"ECS_CLUSTER=prod\nX=a\x00\n", []string{"fatal: line 2: X contains a NUL byte; " + noContainer}},
		"JSON": {"{\"ECS_CLUSTER\":\"prod\"}\n", []string{"misread: is JSON instead of KEY=value lines; " + nothingRead}},
		"gzip": {"\x1f\x8b\x08\x00\x01\x02\x03\xff\x03abc", []string{"misread: is not a text file; " + nothingRead}},
		"Windows only": {
			"ECS_FSX_WINDOWS_FILE_SERVER_SUPPORTED=true\n",
			[]string{"cosmetic: line 1: ECS_FSX_WINDOWS_FILE_SERVER_SUPPORTED applies to Windows only; "},
		},
		"ecs-init's true": {
			"ECS_ENABLE_GPU_SUPPORT=True\n",
			[]string{
				"misread: line 1: ECS_ENABLE_GPU_SUPPORT is not exactly true, the only value that ecs-init accepts; ecs-init treats it as unset",
			},
		},
		"nothing wrong": {
			"# settings: ECS_Cluster='x'\n\nECS_CLUSTER=prod\nECS_RESERVED_PORTS=[22]\nECS_BACKEND_HOST=\nNO_PROXY=169.254.169.254, " +
				"/var/run/docker.sock\n",
			nil,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, p := range Parse([]byte(test.data)).Problems() {
				got = append(got, p.Severity.String()+": "+p.String()+"; "+p.Effect)
			}
			if !cmp.Equal(got, test.want) {
				t.Error(cmp.Diff(test.want, got))
			}
		})
	}
}

func TestProblemsNeverHoldAValue(t *testing.T) {
	const secret = "hunter2hunter2"
	for _, form := range []string{
		"ECS_ENGINE_AUTH_DATA=%s", "ECS_ENGINE_AUTH_DATA={\"%s\"", "export X='%s'", "docker login -p %s=", "%s", "=%s", "ECS_CLUSTER=%s!",
		"ECS_RESERVED_MEMORY=%s", "ECS_RESERVED_PORTS=[\"%s\"]", "ECS_AVAILABLE_LOGGING_DRIVERS=[\"%s!\"]", "X=\"%s\nX=%[1]s\\",
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
	f.Add([]byte("ECS_CLUSTER=prod; ECS_LOGLEVEL=info # x\rECS_Cluster: p\nECS_INSTANCE_ATTRIBUTES={\n\"a\":\"b\"\n}\n"))
	f.Add([]byte("ECS_RESERVED_PORTS=[\\\"1\\\"]\n\"ECS_CLUSTER\"=“prod\u200b”,\n- echo ECS_X=1 ECS_CLUSTER=$X\\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file := Parse(data)
		suspects := map[string]bool{} // keys with a repair; their value may change
		for _, p := range file.Problems() {
			if p.Line < 0 || p.Line > len(file.lines) || p.What == "" {
				t.Fatalf("incomplete problem: %+v", p)
			}
			if p.Repair != "" && p.Key == "" {
				return // the whole file is read differently afterwards
			}
			if p.Repair != "" {
				suspects[intended(p.Key+"=").key] = true
			}
		}
		file.Repair()
		once := file.Bytes()
		if again := file.Repair(); len(again) > 0 || !bytes.Equal(file.Bytes(), once) {
			t.Fatalf("a second Repair changed %+v", again)
		}
		after := agentEnvironment(once)
		for key, value := range agentEnvironment(data) {
			if got, ok := after[key]; !suspects[intended(key+"=").key] && (!ok || got != value) {
				t.Fatalf("%q was %q and is %q, %v", key, value, got, ok)
			}
		}
	})
}

func TestLikelyCluster(t *testing.T) {
	for value, want := range map[string]string{
		"prod # main": "prod", "prod ECS_RESERVED_MEMORY=256": "prod", `"prod"`: "prod", "“prod”": "prod", "prod\u200b": "prod",
		"prod\u2013eu": "prod-eu",
		"cluster/prod": "prod", "prod/": "prod", "arn:aws:ecs:eu-west-1:1:cluster/prod": "prod", "prod,": "prod", "": "", "${Cluster}": "",
		"pröd": "", "'": "",
		"arn:aws:ecs:eu-west-1:123456789012:cluster/prod": "arn:aws:ecs:eu-west-1:123456789012:cluster/prod",
	} {
		if got := LikelyCluster(value); got != want {
			t.Errorf("%q is likely %q, want %q", value, got, want)
		}
	}
}
