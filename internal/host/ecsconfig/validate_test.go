package ecsconfig

import (
	"strings"
	"testing"
)

func TestValidValues(t *testing.T) {
	for key, values := range map[string][]string{
		"ECS_CLUSTER": {"prod", "a", strings.Repeat("x", 255), "P_r-0d", "arn:aws:ecs:eu-central-1:123456789012:cluster/prod",
			"arn:aws-us-gov:ecs:us-gov-west-1:123456789012:cluster/prod"},
		"ECS_INSTANCE_ATTRIBUTES":            {"", `{}`, `{"stack":"prod","x.y/z":"a:b@c"}`, `{"a": "b c"}`, "null"},
		"ECS_CONTAINER_INSTANCE_TAGS":        {`{"Name":"x=y z"}`},
		"ECS_AWSVPC_ADDITIONAL_LOCAL_ROUTES": {"", `[]`, `["10.0.15.0/24","fd00::/8"]`},
		"ECS_AVAILABLE_LOGGING_DRIVERS":      {"", `["json-file","awslogs","awsfirelens"]`},
		"ECS_RESERVED_PORTS":                 {"", `[22, 2375, 65535]`},
		"ECS_VOLUME_PLUGIN_CAPABILITIES":     {`["efsAuth"]`},
		"ECS_ENGINE_AUTH_DATA": {`{"https://index.docker.io/v1/":{"username":"u","password":"p","email":"e@x"}}`,
			`{"r":{"auth":"eA=="}}`},
		"ECS_ENABLE_TASK_ENI":                        {"true", "false", "1", "F", ""},
		"ECS_ENABLE_GPU_SUPPORT":                     {"true", "false", ""},
		"ECS_CONTAINER_STOP_TIMEOUT":                 {"30s", "1h30m", "1s", ""},
		"NON_ECS_IMAGE_MINIMUM_CLEANUP_AGE":          {"30m"},
		"ECS_RESERVED_MEMORY":                        {"0", "256", "65535", ""},
		"ECS_TASK_PIDS_LIMIT":                        {"1", "4194304"},
		"ECS_TASK_METADATA_RPS_LIMIT":                {"100,150", "100, 150"},
		"ECS_DYNAMIC_HOST_PORT_RANGE":                {"49153-65535", "8000"},
		"ECS_IMAGE_PULL_BEHAVIOR":                    {"prefer-cached", ""},
		"ECS_CONTAINER_INSTANCE_PROPAGATE_TAGS_FROM": {"ec2_instance"},
		"HTTP_PROXY":                                 {"10.0.0.131:3128", "http://u:p@h:1"},
		"ECS_UNHEARD_OF": {"", "anything: \"goes\" here é #;",
			strings.Repeat("x", maxAssignment-len("ECS_UNHEARD_OF="))},
		"_x1": {"1"},
		"ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION_JITTER": {"1h"},
	} {
		for _, value := range values {
			if err := Validate(key, value); err != nil {
				t.Errorf("%.40s: %v", value, err)
			}
		}
	}
}

func TestRejectedValues(t *testing.T) {
	tests := map[string]struct{ key, value, want string }{
		"an unknown key near a known": {
			"ECS_RESERVE_MEMORY",
			"256",
			"ECS_RESERVE_MEMORY is not a setting of the ECS agent: did you mean ECS_RESERVED_MEMORY?",
		},
		"wrong case":                      {"ecs_cluster", "prod", "did you mean ECS_CLUSTER?"},
		"another setting after the value": {"ECS_LOGFILE", "/log/x ECS_CLUSTER=prod", "contains another setting"},
		"a comment after the value":       {"ECS_LOGFILE", "/log/x # mine", "has a comment after its value"},
		"below its minimum":               {"ECS_IMAGE_CLEANUP_INTERVAL", "1m", "is below the minimum of 10m"},
		"an attribute too long": {
			"ECS_INSTANCE_ATTRIBUTES",
			`{"a":"` + strings.Repeat("x", 129) + `"}`,
			"has attribute a with a value of 129 characters; ECS allows 128",
		},
		"a reserved tag":            {"ECS_CONTAINER_INSTANCE_TAGS", `{"AWS:x":"y"}`, "has tag AWS:x with the reserved prefix aws:"},
		"0 for a duration":          {"ECS_CONTAINER_STOP_TIMEOUT", "0", "is 0, which the ECS agent treats as unset"},
		"empty cluster":             {"ECS_CLUSTER", "", "ECS_CLUSTER is empty: the ECS agent would join the cluster \"default\""},
		"non-ASCII cluster":         {"ECS_CLUSTER", "pröd", "ECS_CLUSTER is not a valid cluster name"},
		"over-long cluster":         {"ECS_CLUSTER", strings.Repeat("x", 256), "is not a valid cluster name"},
		"cluster with a space":      {"ECS_CLUSTER", "my prod", "is not a valid cluster name"},
		"cluster not expanded":      {"ECS_CLUSTER", "${CLUSTER}", "contains a variable that was not replaced"},
		"the ARN of something else": {"ECS_CLUSTER", "arn:aws:ecs:eu-central-1:123456789012:service/prod", "is not a valid cluster name"},
		"double-quoted":             {"ECS_CLUSTER", `"prod"`, "starts with a quote"},
		"single-quoted":             {"ECS_X", `'prod'`, "starts with a quote"},
		"over-long": {
			"ECS_X",
			strings.Repeat("x", maxAssignment-len("ECS_X=")+1),
			"is too long: 131072 bytes with its name",
		},
		"line break":              {"ECS_X", "a\nECS_CLUSTER=b", "control character"},
		"carriage return":         {"ECS_X", "a\rb", "control character"},
		"NUL":                     {"ECS_X", "a\x00b", "control character"},
		"next line":               {"ECS_X", "a\u0085b", "control character"},
		"not UTF-8":               {"ECS_X", "a\xff", "not valid UTF-8"},
		"leading space":           {"ECS_X", " a", "starts or ends with a space"},
		"trailing no-break space": {"ECS_X", "a\u00a0", "starts or ends with a space"},
		"trailing backslash":      {"ECS_X", `a\`, "ends in a backslash"},
		"attributes not JSON": {
			"ECS_INSTANCE_ATTRIBUTES",
			`{"a":b}`,
			`is not valid JSON at byte 6: it must be a JSON object of strings, such as {"name":"value"}`,
		},
		"attributes cut short":   {"ECS_INSTANCE_ATTRIBUTES", `{"a":"b"`, "is not valid JSON"},
		"attributes and more":    {"ECS_INSTANCE_ATTRIBUTES", `{"a":"b"} {}`, "is not valid JSON at byte 11"},
		"attribute a number":     {"ECS_INSTANCE_ATTRIBUTES", `{"a":1}`, "is not a JSON object of strings"},
		"tags a list":            {"ECS_CONTAINER_INSTANCE_TAGS", `[{"Key":"a"}]`, "is not a JSON object of strings"},
		"route without a mask":   {"ECS_AWSVPC_ADDITIONAL_LOCAL_ROUTES", `["10.0.0.1"]`, "is not a JSON array of CIDR blocks"},
		"route a number":         {"ECS_AWSVPC_ADDITIONAL_LOCAL_ROUTES", `[10]`, "is not a JSON array of CIDR blocks"},
		"unknown logging driver": {"ECS_AVAILABLE_LOGGING_DRIVERS", `["json-file","loki"]`, "lists the unknown logging driver loki"},
		"no logging driver": {
			"ECS_AVAILABLE_LOGGING_DRIVERS",
			`[null]`,
			"lists a logging driver that the ECS agent does not know",
		},
		"logging drivers as words":        {"ECS_AVAILABLE_LOGGING_DRIVERS", `json-file,awslogs`, "is not valid JSON"},
		"port above 65535":                {"ECS_RESERVED_PORTS", `[70000]`, "is not a JSON array of ports"},
		"ports as strings":                {"ECS_RESERVED_PORTS_UDP", `["53"]`, "is not a JSON array of ports"},
		"capabilities a string":           {"ECS_VOLUME_PLUGIN_CAPABILITIES", `{}`, "is not a JSON array of strings"},
		"auth data flat":                  {"ECS_ENGINE_AUTH_DATA", `{"https://x":"y"}`, "is not a JSON object of registries"},
		"yes":                             {"ECS_ENABLE_TASK_ENI", "yes", "is not true or false"},
		"a boolean that ecs-init rejects": {"ECS_ENABLE_GPU_SUPPORT", "1", "is not exactly true, the only value that ecs-init accepts"},
		"duration without its unit":       {"ECS_CONTAINER_STOP_TIMEOUT", "30", "is a duration without a unit"},
		"memory with its unit":            {"ECS_RESERVED_MEMORY", "256MiB", "is not a whole number from 0 to 65535"},
		"memory with a sign":              {"ECS_RESERVED_MEMORY", "+256", "is not a whole number from 0 to 65535"},
		"memory above 16 bits":            {"ECS_RESERVED_MEMORY", "65536", "is not a whole number from 0 to 65535"},
		"no pids":                         {"ECS_TASK_PIDS_LIMIT", "0", "is not a whole number from 1 to 4194304"},
		"rate without burst":              {"ECS_TASK_METADATA_RPS_LIMIT", "100", "is not a rate and a burst"},
		"rates three":                     {"ECS_TASK_METADATA_RPS_LIMIT", "1,2,3", "is not a rate and a burst"},
		"range backwards":                 {"ECS_DYNAMIC_HOST_PORT_RANGE", "9-8", "is not a range of ports"},
		"range open":                      {"ECS_DYNAMIC_HOST_PORT_RANGE", "9-", "is not a range of ports"},
		"unknown pull behavior":           {"ECS_IMAGE_PULL_BEHAVIOR", "Always", "is not one of default, always, once, prefer-cached"},
		"key with a space":                {"ECS CLUSTER", "x", `key "ECS CLUSTER": want letters`},
		"key empty":                       {"", "x", `key "": want letters`},
		"key a comment":                   {"#X", "y", `key "#X": want letters`},
		"key with a digit first":          {"1X", "y", "no digit first"},
		"key with a line break after":     {"X\n", "y", "want letters"},
		"key not ASCII":                   {"ÉCS", "y", "want letters"},
		"key very long and wrong":         {strings.Repeat("-", 1<<20), "y", "want letters"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := Validate(test.key, test.value)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %.300v, want ... %s ...", err, test.want)
			}
			if len(err.Error()) > 300 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
}

// The agent reads every value that Validate accepts unchanged.
func FuzzValidate(f *testing.F) {
	f.Add("ECS_INSTANCE_ATTRIBUTES", `{"a":"b"}`)
	f.Add("ECS_AWSVPC_ADDITIONAL_LOCAL_ROUTES", `["::/0"]`)
	f.Add("ECS_TASK_METADATA_RPS_LIMIT", "1,2")
	f.Fuzz(func(t *testing.T, key, value string) {
		err := Validate(key, value)
		if env := agentEnvironment([]byte(key + "=" + value)); err == nil && (len(env) != 1 || env[key] != value) {
			t.Fatalf("%s=%s is valid, and read as %v", key, value, env)
		}
	})
}
