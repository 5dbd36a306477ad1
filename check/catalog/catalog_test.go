package catalog

import (
	"reflect"
	"testing"

	"muster/check"
	"muster/check/ecs"
)

// A field that is not set would prevent a finding from explaining its symptoms.
func TestEveryReferenceToAnotherGroupIsGiven(t *testing.T) {
	others := reflect.ValueOf(explainsECS())
	for i := range others.NumField() {
		if others.Field(i).IsZero() {
			t.Errorf("ecs.Others.%s is not given", others.Type().Field(i).Name)
		}
	}
	for _, c := range Checks(World{}) {
		for _, kinds := range [][]*check.Kind{c.Findings, c.Needs, c.After, (ecs.Group{Others: explainsECS()}).Beneath()} {
			for i, k := range kinds {
				if k == nil {
					t.Errorf("%s: reference %d leads nowhere", c.ID, i)
				}
			}
		}
	}
}
