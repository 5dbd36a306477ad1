package report_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"muster/check"
	"muster/internal/report"
)

func parsed(t *testing.T, text []byte) any {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// published returns the published schema. With strict, it allows only fields that it describes.
func published(t *testing.T, strict bool) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("../../docs/schema/check.json")
	if err != nil {
		t.Fatal(err)
	}
	schema := parsed(t, text)
	if strict {
		forbidOthers(schema)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("check.json", schema); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile("check.json")
}

func forbidOthers(node any) {
	switch node := node.(type) {
	case map[string]any:
		if node["properties"] != nil && node["type"] == "object" {
			node["additionalProperties"] = false
		}
		for _, child := range node {
			forbidOthers(child)
		}
	case []any:
		for _, child := range node {
			forbidOthers(child)
		}
	}
}

func TestThePublishedSchemaDescribesTheReport(t *testing.T) {
	strict := published(t, true)
	for name, r := range map[string]*report.Report{
		"sick":        made(t, sick(), report.About{}),
		"healthy":     made(t, healthy(), report.About{}),
		"interrupted": made(t, healthy(), report.About{Interrupted: true}),
		"no results":  report.New(nil, report.About{}),
		"no instance": report.New(check.Run(t.Context(), sick()), report.About{Strict: true}),
	} {
		if err := strict.Validate(parsed(t, shown(t, r.JSON))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheSchemaRefusesWhatIsNoReport(t *testing.T) {
	schema := published(t, false)
	for name, spoil := range map[string]func(map[string]any){
		"without causes":     func(r map[string]any) { delete(r, "causes") },
		"an unknown status":  func(r map[string]any) { r["checks"].([]any)[0].(map[string]any)["status"] = "bad" },
		"an id with a blank": func(r map[string]any) { r["causes"].([]any)[0].(map[string]any)["id"] = "a b" },
		"no time":            func(r map[string]any) { r["at"] = "today" },
	} {
		value := parsed(t, shown(t, made(t, sick(), report.About{}).JSON)).(map[string]any)
		value["new"] = "a field that a later version adds is allowed"
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s, unspoilt: %v", name, err)
		}
		spoil(value)
		if schema.Validate(value) == nil {
			t.Errorf("%s: it passes", name)
		}
	}
}
