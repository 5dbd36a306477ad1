package cluster

import (
	"strings"
	"testing"
)

const arn = "arn:aws:ecs:eu-west-1:123456789012:cluster/prod"

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want Ref
		err  string
	}{
		"a name": {text: "prod", want: Ref{Text: "prod", Name: "prod"}},
		"the longest name": {text: strings.Repeat("a", 255), want: Ref{Text: strings.Repeat("a", 255),
			Name: strings.Repeat("a", 255)}},
		"an ARN": {text: arn, want: Ref{arn, "prod", "eu-west-1", "123456789012"}},
		"an ARN of China": {text: "arn:aws-cn:ecs:cn-north-1:123456789012:cluster/p",
			want: Ref{"arn:aws-cn:ecs:cn-north-1:123456789012:cluster/p", "p", "cn-north-1", "123456789012"}},
		"an ARN of GovCloud": {text: "arn:aws-us-gov:ecs:us-gov-west-1:123456789012:cluster/p",
			want: Ref{"arn:aws-us-gov:ecs:us-gov-west-1:123456789012:cluster/p", "p", "us-gov-west-1", "123456789012"}},
		"empty":                         {text: "", err: "the name is empty"},
		"quoted":                        {text: `"prod"`, err: "the name is quoted"},
		"over-long":                     {text: strings.Repeat("a", 256), err: "has 256 characters"},
		"non-ASCII":                     {text: "prodüktion", err: `"prod\u00fcktion"`},
		"blank inside":                  {text: "my prod", err: "only letters, digits"},
		"newline":                       {text: "prod\nECS_ENGINE_AUTH_DATA=x", err: "only letters, digits"},
		"an ARN of a service":           {text: "arn:aws:ecs:eu-west-1:123456789012:service/prod/web", err: "not an ECS cluster ARN"},
		"an ARN of something else":      {text: "arn:aws:s3:::bucket", err: "not an ECS cluster ARN"},
		"an ARN without a name":         {text: "arn:aws:ecs:eu-west-1:123456789012:cluster/", err: "the name is empty"},
		"an ARN without an account":     {text: "arn:aws:ecs:eu-west-1::cluster/prod", err: "12-digit account"},
		"an ARN with a path in the end": {text: arn + "/more", err: "only letters, digits"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse(c.text)
			if c.err == "" && err != nil {
				t.Fatalf("Parse(%q): %v", c.text, err)
			}
			if c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Fatalf("Parse(%q) error = %v, want one with %q", c.text, err, c.err)
			}
			if got != c.want {
				t.Errorf("Parse(%q) = %+v, want %+v", c.text, got, c.want)
			}
		})
	}
}

func TestSame(t *testing.T) {
	for name, c := range map[string]struct {
		a, b string
		want bool
	}{
		"equal names":                     {"prod", "prod", true},
		"a name and its ARN":              {"prod", arn, true},
		"the ARN and its name":            {arn, "prod", true},
		"other names":                     {"prod", "dev", false},
		"case counts":                     {"prod", "Prod", false},
		"the same name in another region": {arn, "arn:aws:ecs:us-east-1:123456789012:cluster/prod", false},
		"the same name in another account": {arn,
			"arn:aws:ecs:eu-west-1:210987654321:cluster/prod", false},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := Parse(c.a)
			b, _ := Parse(c.b)
			if got := Same(a, b); got != c.want || SameText(c.a, c.b) != c.want {
				t.Errorf("Same(%q, %q) = %v", c.a, c.b, got)
			}
		})
	}
}

func TestInvalidReferenceEqualsNone(t *testing.T) {
	for _, text := range []string{"", `"prod"`, "arn:aws:s3:::bucket"} {
		if SameText(text, text) || SameText(text, "prod") {
			t.Errorf("%q equals a cluster", text)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"prod", arn, "", "arn:", "arn:aws:ecs:::cluster/", `"x"`, "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ref, err := Parse(text)
		if err != nil {
			for _, r := range err.Error() {
				if r < ' ' || r > '~' {
					t.Fatalf("the error for %q contains %q", text, r)
				}
			}
			return
		}
		if ref.Text != text || !nameForm.MatchString(ref.Name) || !Same(ref, ref) {
			t.Fatalf("Parse(%q) = %+v", text, ref)
		}
	})
}
