package terraform_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"
)

// rule is one of a security group.
type rule struct{ Group, Protocol, From, To, CIDR, Source, Description string }

func (s stack) rules(t *testing.T) (all []rule) {
	t.Helper()
	str := func(v any) string {
		if v == nil {
			return ""
		}
		return fmt.Sprint(v)
	}
	for name, r := range s.Resources {
		if inline, is := s.property(t, name, "SecurityGroupIngress").([]any); is {
			for _, i := range inline {
				p := i.(map[string]any)
				all = append(
					all,
					rule{
						"!Ref " + name,
						str(p["IpProtocol"]),
						str(p["FromPort"]),
						str(p["ToPort"]),
						str(p["CidrIp"]),
						"",
						str(p["Description"]),
					},
				)
			}
		}
		if r.Type == "AWS::EC2::SecurityGroupIngress" {
			p := func(key string) string { return str(s.property(t, name, key)) }
			all = append(
				all,
				rule{p("GroupId"), p("IpProtocol"), p("FromPort"), p("ToPort"), p("CidrIp"), p("SourceSecurityGroupId"),
					p("Description")},
			)
		}
	}
	return all
}

func TestThePortsAreThoseOfTheStackInEachNetworkMode(t *testing.T) {
	m := parse(t, ".")
	for _, mode := range []string{"host", "bridge", "awsvpc"} {
		s := readStack(t)
		s.holds = map[string]bool{"Bridged": mode == "bridge", "Awsvpc": mode == "awsvpc"}
		variables := map[string]cty.Value{}
		for name, v := range m.of("variable") {
			if d := v.Body.Attributes["default"]; d != nil {
				variables[name] = evaluate(t, d.Expr, nil)
			}
		}
		group := func(name string) cty.Value { return object(map[string]string{"id": "!Ref " + name}) }
		context := map[string]cty.Value{
			"var": cty.ObjectVal(variables),
			"local": cty.ObjectVal(map[string]cty.Value{"awsvpc": cty.BoolVal(mode == "awsvpc"),
				"bridged": cty.BoolVal(mode == "bridge")}),
			"aws_security_group": cty.ObjectVal(
				map[string]cty.Value{"balancer": group("BalancerGroup"), "instances": group("InstanceGroup"),
					"tasks": cty.TupleVal([]cty.Value{group("TaskGroup")})},
			),
		}
		locals := context["local"].AsValueMap()
		locals["replicating_group"] = evaluate(t, m.locals()["replicating_group"], context)
		context["local"] = cty.ObjectVal(locals)
		var got []rule
		for name, r := range m.of("resource") {
			if !strings.HasPrefix(name, "aws_vpc_security_group_ingress_rule.") {
				continue
			}
			text := func(attribute string) (value string) {
				if a := r.Body.Attributes[attribute]; a != nil {
					decoded := any(nil)
					decode(t, evaluate(t, a.Expr, context), &decoded)
					value = fmt.Sprint(decoded)
				}
				return value
			}
			got = append(
				got,
				rule{
					text("security_group_id"),
					text("ip_protocol"),
					text("from_port"),
					text("to_port"),
					text("cidr_ipv4"),
					text("referenced_security_group_id"),
					text("description"),
				},
			)
		}
		order := func(a, b rule) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }
		want := s.rules(t)
		slices.SortFunc(want, order)
		slices.SortFunc(got, order)
		if diff := cmp.Diff(want, got); diff != "" || len(got) != 5 {
			t.Errorf("%s, %d rules (-stack +module):\n%s", mode, len(got), diff)
		}
	}
}
