// Package terraform_test holds the Terraform module to the CloudFormation stack, and to
// itself: what refers to what. The module was not applied; Terraform's provider for AWS
// is too much to build for this.
package terraform_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

const stackFile = "../cloudformation/stack.yaml"

// module is a directory of .tf files.
type module struct {
	dir    string
	blocks []*hclsyntax.Block
}

func parse(t *testing.T, dir string) module {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.tf"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %d files, %v", dir, len(paths), err)
	}
	m := module{dir: dir}
	for _, path := range paths {
		file, diagnostics := hclparse.NewParser().ParseHCLFile(path)
		if diagnostics.HasErrors() {
			t.Fatal(diagnostics)
		}
		m.blocks = append(m.blocks, file.Body.(*hclsyntax.Body).Blocks...)
	}
	return m
}

func modules() []string {
	return []string{".", "modules/instance", "modules/alarms", "examples/complete", "examples/existing-cluster"}
}

// of are the blocks of a type, by their labels: "aws_ecs_cluster.this".
func (m module) of(kind string) map[string]*hclsyntax.Block {
	all := map[string]*hclsyntax.Block{}
	for _, b := range m.blocks {
		if b.Type == kind {
			all[strings.Join(b.Labels, ".")] = b
		}
	}
	return all
}

func (m module) locals() map[string]hcl.Expression {
	all := map[string]hcl.Expression{}
	for _, b := range m.blocks {
		if b.Type == "locals" {
			for name, a := range b.Body.Attributes {
				all[name] = a.Expr
			}
		}
	}
	return all
}

// evaluate is an expression's value with these variables.
func evaluate(t *testing.T, e hcl.Expression, variables map[string]cty.Value) cty.Value {
	t.Helper()
	value, diagnostics := e.Value(&hcl.EvalContext{Variables: variables, Functions: map[string]function.Function{
		"jsonencode": stdlib.JSONEncodeFunc, "join": stdlib.JoinFunc, "values": stdlib.ValuesFunc,
	}})
	if diagnostics.HasErrors() {
		t.Fatal(diagnostics)
	}
	return value
}

func object(of map[string]string) cty.Value {
	values := map[string]cty.Value{}
	for name, value := range of {
		values[name] = cty.StringVal(value)
	}
	return cty.ObjectVal(values)
}

func TestEachVariableAndOutputIsDocumentedAndTyped(t *testing.T) {
	for _, dir := range modules() {
		m := parse(t, dir)
		for name, v := range m.of("variable") {
			if v.Body.Attributes["type"] == nil || v.Body.Attributes["description"] == nil {
				t.Errorf("%s: variable %s has no type or no description", dir, name)
			}
			for _, b := range v.Body.Blocks {
				if b.Type != "validation" || b.Body.Attributes["condition"] == nil || b.Body.Attributes["error_message"] == nil {
					t.Errorf("%s: variable %s has a block %s", dir, name, b.Type)
				}
			}
			number := v.Body.Attributes["type"] != nil && hcl.ExprAsKeyword(v.Body.Attributes["type"].Expr) == "number"
			if number && len(v.Body.Blocks) == 0 {
				t.Errorf("%s: the number %s has no validation", dir, name)
			}
		}
		for name, o := range m.of("output") {
			if o.Body.Attributes["description"] == nil || o.Body.Attributes["value"] == nil {
				t.Errorf("%s: output %s has no description or no value", dir, name)
			}
		}
	}
}

// traversals are all references below a block, but for the iterators of dynamic blocks.
func traversals(b *hclsyntax.Body) (all []hcl.Traversal) {
	for name, a := range b.Attributes {
		// A type is written like a reference, and so is the name of an attribute.
		if name != "type" && name != "ignore_changes" {
			all = append(all, a.Expr.Variables()...)
		}
	}
	for _, inner := range b.Blocks {
		for _, reference := range traversals(inner.Body) {
			if inner.Type != "dynamic" || reference.RootName() != inner.Labels[0] {
				all = append(all, reference)
			}
		}
	}
	return all
}

// TestEachReferenceHasATarget is what `terraform validate` checks without a provider.
func TestEachReferenceHasATarget(t *testing.T) {
	for _, dir := range modules() {
		m := parse(t, dir)
		used := map[string]bool{}
		for _, b := range m.blocks {
			for _, reference := range traversals(b.Body) {
				root, name := reference.RootName(), step(reference, 1)
				used[root+"."+name] = true
				if !m.has(t, reference) {
					t.Errorf("%s: %s.%s %s has no target", dir, root, name, step(reference, 2))
				}
			}
		}
		for name := range m.of("variable") {
			if !used["var."+name] {
				t.Errorf("%s: variable %s is not used", dir, name)
			}
		}
		for name := range m.locals() {
			if !used["local."+name] {
				t.Errorf("%s: local %s is not used", dir, name)
			}
		}
	}
}

// has reports whether the target of a reference exists.
func (m module) has(t *testing.T, reference hcl.Traversal) bool {
	t.Helper()
	name := step(reference, 1)
	switch root := reference.RootName(); root {
	case "each", "path", "count", "self":
		return true
	case "var":
		return m.of("variable")[name] != nil
	case "local":
		return m.locals()[name] != nil
	case "module":
		call := m.of("module")[name]
		return call != nil && m.outputs(t, call, step(reference, 2))
	case "data":
		return m.of("data")[name+"."+step(reference, 2)] != nil
	default:
		return strings.HasPrefix(root, "aws_") && m.of("resource")[root+"."+name] != nil
	}
}

// step is the name at a place of a reference, empty for an index.
func step(of hcl.Traversal, at int) string {
	if len(of) <= at {
		return ""
	}
	attribute, _ := of[at].(hcl.TraverseAttr)
	return attribute.Name
}

// called is the module of this directory that a call names, if it is one.
func (m module) called(t *testing.T, call *hclsyntax.Block) (module, bool) {
	t.Helper()
	source := evaluate(t, call.Body.Attributes["source"].Expr, nil).AsString()
	if !strings.HasPrefix(source, ".") {
		return module{}, false
	}
	return parse(t, filepath.Join(m.dir, source)), true
}

func (m module) outputs(t *testing.T, call *hclsyntax.Block, name string) bool {
	t.Helper()
	callee, ours := m.called(t, call)
	return !ours || callee.of("output")[name] != nil
}

func TestEachCallPassesWhatTheModuleTakes(t *testing.T) {
	calls := 0
	for _, dir := range modules() {
		m := parse(t, dir)
		for name, call := range m.of("module") {
			callee, ours := m.called(t, call)
			if !ours {
				continue
			}
			calls++
			takes := callee.of("variable")
			for argument := range call.Body.Attributes {
				if takes[argument] == nil && argument != "source" {
					t.Errorf("%s: module %s takes no %s", dir, name, argument)
				}
			}
			for variable, v := range takes {
				if v.Body.Attributes["default"] == nil && call.Body.Attributes[variable] == nil {
					t.Errorf("%s: module %s needs %s", dir, name, variable)
				}
			}
		}
	}
	if calls != 5 {
		t.Errorf("%d calls", calls)
	}
}

func TestTheSharedTextsAreThoseOfTheStack(t *testing.T) {
	s := readStack(t)
	// The names that Terraform gives to what CloudFormation's !Sub fills in.
	common := map[string]string{
		"${partition}": "${AWS::Partition}",
		"${region}":    "${AWS::Region}",
		"${cluster}":   "${Cluster}",
		"${group}":     "${Workers}",
	}
	for file, c := range map[string]struct {
		names map[string]string
		want  string
	}{
		"sleeper.json.tftpl": {map[string]string{"${service}": "${Service}", "${pause}": "${SleepPause}"},
			s.text(t, "Sleeper", "DefinitionString")},
		"dashboard.json.tftpl": {map[string]string{"${service}": "${ServiceName}", "${alarms}": "${Alarms}",
			"${load_balancer}": "${BalancerName}", "${target_group}": "${TargetsName}"},
			s.text(t, "Dashboard", "DashboardBody")},
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got := string(text)
		for _, names := range []map[string]string{common, c.names} {
			for from, to := range names {
				got = strings.ReplaceAll(got, from, to)
			}
		}
		if got != c.want {
			t.Errorf("%s is not the text of the stack; it would be\n%s", file, got)
		}
	}
}
