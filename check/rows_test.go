package check_test

import (
	"slices"
	"testing"
)

// allScenarios returns the scenarios of all groups.
func allScenarios() []scenario {
	return slices.Concat([]scenario{{name: "a healthy instance", arrange: func(*testing.T, *world) {}}}, instanceScenarios(),
		networkScenarios(),
		dockerScenarios(), configScenarios(), agentScenarios(), unitScenarios(), registryScenarios(), portScenarios(), healthScenarios(),
		taskScenarios(),
		agentStateScenarios(), pairScenarios())
}

// Each known reason why an instance does not register has a scenario. In it, that reason is the only cause, or there is
// no cause if the reason is not a failure.
func TestEachReasonNotToRegisterHasItsScenario(t *testing.T) {
	scenarios := allScenarios()
	for reason, ids := range map[string][]string{
		"wrong or mistyped cluster":             {"cluster-missing", "cluster-not-found"},
		"cluster INACTIVE":                      {"cluster-inactive", "cluster-deleted"},
		"right name, wrong region":              {"wrong-region"},
		"empty name, so default":                {"cluster-unset", "wrong-cluster", "other-cluster-configured"},
		"quotes, export, spaces, duplicates":    {"ecs-config-misread"},
		"saved-cluster mismatch":                {"saved-cluster-mismatch"},
		"deregistered, before or while running": {"agent-deregistered", "container-instance-inactive"},
		"instance type changed":                 {"instance-type-changed"},
		"cloud-init never ran user data":        {"user-data-not-run", "agent-user-data-not-run"},
		"user-data deadlock":                    {"ecs-unit-waiting"},
		"ecs disabled, masked, missing":         {"ecs-unit-not-started", "ecs-unit-masked", "ecs-unit-held-back", "ecs-unit-missing"},
		"Docker down or hung":                   {"docker-not-running", "docker-hung"},
		"disk or inodes full":                   {"disk-full", "inodes-full", "read-only-file-system"},
		"agent image not loaded":                {"agent-not-cached"},
		"no instance profile":                   {"no-instance-profile", "instance-profile-broken"},
		"trust policy wrong":                    {"role-not-trusted"},
		"IAM deny":                              {"access-denied", "poll-denied"},
		"IMDS off, or token refused":            {"imds-disabled", "imds-silent", "imds-unreachable"},
		"DNS":                                   {"dns-failure", "dns-support-off"},
		"no route, NAT or public IP":            {"no-default-route", "nat-missing", "no-public-ip", "endpoint-timeout"},
		"endpoint set incomplete":               {"endpoints-incomplete", "private-dns-off", "endpoint-unavailable"},
		"endpoint's group or policy":            {"endpoint-group-closed", "endpoint-policy"},
		"egress group or ACL":                   {"egress-closed", "acl-closed"},
		"proxy without NO_PROXY":                {"no-proxy-incomplete"},
		"TLS interception":                      {"tls-untrusted"},
		"clock skew":                            {"clock-skew"},
		"bad attributes or tags JSON":           {"ecs-config-invalid", "invalid-attributes"},
		"reserved memory above RAM":             {"reserved-memory-above-ram"},
		"trunk interface failure":               {"registration-failed"},
		"throttled":                             {"throttled"},
		"registered but disconnected":           {"agent-disconnected"},
		"starved host":                          {"starved-host", "oom-kills"},
		"the warm pool, which is no failure":    nil,
	} {
		for _, id := range ids {
			if !slices.ContainsFunc(scenarios, func(s scenario) bool { return slices.Equal(s.causes, []string{id}) }) {
				t.Errorf("%s: no scenario has the one cause %s", reason, id)
			}
		}
		if ids == nil && !slices.ContainsFunc(scenarios,
			func(s scenario) bool { return s.name == "the instance is in the warm pool" && s.causes == nil }) {
			t.Errorf("%s: it has no scenario", reason)
		}
	}
}
