package arn_test

import (
	"strings"
	"testing"

	"muster/internal/base/arn"
)

var here = arn.Owner{Region: "eu-west-1", Account: "123456789012"}

// The forms come from the ECS developer guide, "Amazon Resource Names (ARNs)": the old one without the cluster, and the
// new one with it.
func TestForeign(t *testing.T) {
	for name, c := range map[string]struct {
		of        arn.Owner
		arn, kind string
		want      string // in the reason; empty if the ARN is not foreign
	}{
		"a task":                   {here, "arn:aws:ecs:eu-west-1:123456789012:task/prod/1dc5c17a", "task", ""},
		"a task in the old form":   {here, "arn:aws:ecs:eu-west-1:123456789012:task/1dc5c17a", "task", ""},
		"another partition's form": {here, "arn:aws-cn:ecs:eu-west-1:123456789012:task/p/1", "task", ""},
		"a container instance":     {here, "arn:aws:ecs:eu-west-1:123456789012:container-instance/prod/9f", "container-instance", ""},
		"of another account": {here, "arn:aws:ecs:eu-west-1:999999999999:task/prod/1", "task",
			`belongs to account "999999999999", but this instance belongs to 123456789012`},
		"of another region": {here, "arn:aws:ecs:us-east-1:123456789012:task/prod/1", "task",
			`in region "us-east-1", but this instance is in eu-west-1`},
		"of another service":        {here, "arn:aws:s3:eu-west-1:123456789012:task/prod/1", "task", "is not the ARN of an ECS task"},
		"of another kind":           {here, "arn:aws:ecs:eu-west-1:123456789012:service/prod/1", "task", "is not the ARN of an ECS task"},
		"none":                      {here, "arn:1", "task", "is not the ARN of an ECS task"},
		"hostile":                   {here, "\x1b[2J\n", "task", `"\x1b[2J\n" is not`},
		"nothing to compare with":   {arn.Owner{}, "arn:1", "task", ""},
		"an account without region": {arn.Owner{Account: "123456789012"}, "arn:aws:ecs:us-east-1:123456789012:task/prod/1", "task", ""},
		"a region without account":  {arn.Owner{Region: "eu-west-1"}, "arn:aws:ecs:eu-west-1:999999999999:task/prod/1", "task", ""},
		"the region does not match": {arn.Owner{Region: "eu-west-1"}, "arn:aws:ecs:eu-west-2:999999999999:task/prod/1", "task", "eu-west-2"},
		"only a prefix of the kind": {here, "arn:aws:ecs:eu-west-1:123456789012:task-set/prod/1", "task", "is not the ARN of an ECS task"},
	} {
		if got := c.of.Foreign(c.arn, c.kind); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func FuzzForeign(f *testing.F) {
	f.Add("arn:aws:ecs:eu-west-1:123456789012:task/prod/1", "task")
	f.Add("arn:::::", "")
	f.Fuzz(func(t *testing.T, text, kind string) {
		why := here.Foreign(text, kind)
		if why == "" && !strings.Contains(text, ":ecs:eu-west-1:123456789012:"+kind+"/") {
			t.Errorf("%q is accepted as ours", text)
		}
		if len(why) > 4000+len(kind) {
			t.Errorf("the reason has %d bytes", len(why))
		}
	})
}
