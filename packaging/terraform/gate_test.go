package terraform_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"
	"go.yaml.in/yaml/v3"
)

// situations are the network modes, each with and without a gate.
func situations(t *testing.T, check func(mode, gate string, s stack, root, instance map[string]cty.Value)) {
	t.Helper()
	fleet := parse(t, ".")
	for _, mode := range []string{"host", "bridge", "awsvpc"} {
		for _, gate := range []string{"", "muster.ports"} {
			s := readStack(t)
			s.holds = map[string]bool{"Bridged": mode == "bridge", "Awsvpc": mode == "awsvpc", "Gated": gate != "" && mode != "awsvpc"}
			root := map[string]cty.Value{
				"var":    object(map[string]string{"network_mode": mode, "gate": gate, "replication_ports": "ignite2+thin"}),
				"local":  cty.ObjectVal(map[string]cty.Value{"awsvpc": cty.BoolVal(mode == "awsvpc"), "bridged": cty.BoolVal(mode == "bridge")}),
				"aws_lb": cty.ObjectVal(map[string]cty.Value{"this": object(map[string]string{"name": "NAME"})}),
			}
			locals := root["local"].AsValueMap()
			locals["gate"] = evaluate(t, fleet.locals()["gate"], root)
			root["local"] = cty.ObjectVal(locals)
			passed := map[string]string{"cluster_arn": "!GetAtt Cluster.Arn"}
			for _, name := range []string{"replication_ports", "balancer", "target_port", "gate"} {
				passed[name] = evaluate(t, fleet.of("module")["instance"].Body.Attributes[name].Expr, root).AsString()
			}
			check(mode, gate, s, root, map[string]cty.Value{"var": object(passed)})
		}
	}
}

// The variables of the stack's user data are the locals of the module.
func TestTheLoadBalancerAndTheGateReachBootstrapAsInTheStack(t *testing.T) {
	locals := parse(t, "modules/instance").locals()
	seen := map[string]bool{}
	situations(t, func(mode, gate string, s stack, _, instance map[string]cty.Value) {
		data := s.Resources["LaunchTemplate"].Properties["LaunchTemplateData"]
		var sub struct {
			UserData struct {
				Base64 []yaml.Node `yaml:"Fn::Base64"`
			} `yaml:"UserData"`
		}
		if err := data.Decode(&sub); err != nil {
			t.Fatal(err)
		}
		given := s.value(t, sub.UserData.Base64[1]).(map[string]any)
		text := func(name string) string {
			return strings.NewReplacer("${ReplicationPorts}", "ignite2+thin", "${Balancer.LoadBalancerName}", "NAME", "${Gate}",
				gate).Replace(given[name].(string))
		}
		ports, gateFlag := evaluate(t, locals["ports"], instance).AsString(), evaluate(t, locals["gate_flag"], instance).AsString()
		target := instance["var"].GetAttr("target_port").AsString()
		if ports != text("Ports") || gateFlag != text("GateFlag") || mode != "awsvpc" && target != text("Target") {
			t.Errorf("%s: module --ports %s --target-port %s%s, stack --ports %s --target-port %s%s", mode, ports, target, gateFlag, text("Ports"),
				text("Target"), text("GateFlag"))
		}
		seen["--ports "+ports+" --target-port "+target+gateFlag] = true
	})
	want := map[string]bool{
		"--ports 'ignite2+thin' --balancer NAME --target-port 8080":                        true,
		"--ports 'ignite2+thin' --balancer NAME --target-port 8080 --gate muster.ports":    true,
		"--ports 'ignite2+thin' --balancer NAME --target-port dynamic":                     true,
		"--ports 'ignite2+thin' --balancer NAME --target-port dynamic --gate muster.ports": true,
		"--ports '' --target-port 8080":                                                    true,
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
}

// A gate is three things: the flag above, a permission, and a constraint of the service.
func TestAGateHasItsPermissionAndItsConstraint(t *testing.T) {
	statements := parse(t, "modules/instance").locals()["gate_statements"]
	service := parse(t, ".").of("resource")["aws_ecs_service.this"].Body
	situations(t, func(mode, gate string, s stack, root, instance map[string]cty.Value) {
		gated := gate != "" && mode != "awsvpc"
		var permission []any
		decode(t, evaluate(t, statements, instance), &permission)
		inStack := []any{}
		all := s.property(t, "InstanceRole", "Policies").([]any)[0].(map[string]any)["PolicyDocument"].(map[string]any)["Statement"].([]any)
		for _, one := range all {
			if one.(map[string]any)["Sid"] == "Gate" {
				inStack = append(inStack, one)
			}
		}
		if diff := cmp.Diff(inStack, permission); diff != "" || (len(permission) == 1) != gated {
			t.Errorf("%s, gate %q, permission (-stack +module):\n%s", mode, gate, diff)
		}
		var constraints []any
		for _, block := range service.Blocks {
			if block.Type == "placement_constraints" {
				constraints = append(constraints, map[string]any{"Type": evaluate(t, block.Body.Attributes["type"].Expr, root).AsString()})
			}
			if block.Type == "dynamic" && block.Labels[0] == "placement_constraints" && evaluate(t, block.Body.Attributes["for_each"].Expr,
				root).LengthInt() == 1 {
				content := block.Body.Blocks[0].Body.Attributes
				constraints = append(constraints, map[string]any{"Type": evaluate(t, content["type"].Expr, root).AsString(),
					"Expression": evaluate(t, content["expression"].Expr, root).AsString()})
			}
		}
		want := []any{map[string]any{"Type": "distinctInstance"}}
		if gated {
			want = append(want, map[string]any{"Type": "memberOf", "Expression": "attribute:muster.ports == open"})
		}
		stacks := s.property(t, "Service", "PlacementConstraints").([]any)
		for _, c := range stacks {
			if text, is := c.(map[string]any)["Expression"].(string); is {
				c.(map[string]any)["Expression"] = strings.Replace(text, "${Gate}", gate, 1)
			}
		}
		if diff := cmp.Diff(want, constraints) + cmp.Diff(want, stacks); diff != "" {
			t.Errorf("%s, gate %q, constraints:\n%s", mode, gate, diff)
		}
	})
}
