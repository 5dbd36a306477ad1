package balancer

import (
	"net/netip"
	"strings"
	"testing"
)

// The forms of ARNs are those of the Service Authorization Reference, "Resource types
// defined by AWS Elastic Load Balancing" and "... V2".
func TestParse(t *testing.T) {
	const arn = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/"
	for text, want := range map[string]Ref{
		"web":                    {Name: "web"},
		"10.0.1.200":             {Addr: netip.MustParseAddr("10.0.1.200")},
		"::ffff:10.0.1.200":      {Addr: netip.MustParseAddr("10.0.1.200")},
		arn + "app/web/50dc6c49": {Name: "web", Kind: Application, ID: "50dc6c49", Region: "eu-west-1", Account: "123456789012"},
		arn + "net/web/50dc6c49": {Name: "web", Kind: Network, ID: "50dc6c49", Region: "eu-west-1", Account: "123456789012"},
		arn + "web":              {Name: "web", Kind: Classic, Region: "eu-west-1", Account: "123456789012"},
		strings.Replace(arn, "aws", "aws-cn", 1) + "web": {Name: "web", Kind: Classic, Region: "eu-west-1", Account: "123456789012"},
	} {
		got, err := Parse(text)
		want.Text = text
		if err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%s is %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"web*", "web?", "a_b", strings.Repeat("a", 33), arn + "gwy/web/1", arn + "app/web", arn + "app/we*b/1",
		arn + "app/web/*",
		"arn:aws:ecs:eu-west-1:123456789012:cluster/web", "ELB app/web/1", "web\x1b", strings.Repeat("a,", 21) + "b", "wéb"} {
		if got, err := Parse(text); err == nil && len(got) != 2 {
			t.Errorf("%q is accepted as %+v", text, got)
		}
	}
	if got, err := Parse(" web, 10.0.0.1 ,web\n"); err != nil || len(got) != 2 {
		t.Errorf("a list is %+v, %v", got, err)
	}
	if got, err := Parse(""); err != nil || got != nil {
		t.Errorf("the empty text is %+v, %v", got, err)
	}
}

// Descriptions as EC2 shows them, from the ELB user guides and public outputs of
// describe-network-interfaces.
func TestDescribed(t *testing.T) {
	for description, want := range map[string]Ref{
		"ELB app/web/50dc6c49":                 {Text: "web", Name: "web", Kind: Application, ID: "50dc6c49"},
		"ELB net/web/60aa13c3db5f9ce7":         {Text: "web", Name: "web", Kind: Network, ID: "60aa13c3db5f9ce7"},
		"ELB net/web/60aa13c3db5f9ce7/1234abc": {Text: "web", Name: "web", Kind: Network, ID: "60aa13c3db5f9ce7"},
		"ELB web":                              {Text: "web", Name: "web", Kind: Classic},
	} {
		got, ok := Described(description)
		if !ok || got != want {
			t.Errorf("%q is %+v, %t", description, got, ok)
		}
		ref := Ref{Name: "web"}
		if !ref.Is(got) || (Ref{Name: "web", Kind: want.Kind, ID: "other"}).Is(got) {
			t.Errorf("%q does not match its name, or matches another id", description)
		}
	}
	for _, description := range []string{"", "ELB", "ELB ", "ELB gwy/web/1", "ELB app/web", "web", "ELB a b", "ELB app//1"} {
		if got, ok := Described(description); ok {
			t.Errorf("%q names %+v", description, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("web,10.0.0.1")
	f.Add("arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/web/50dc6c49")
	f.Fuzz(func(t *testing.T, text string) {
		refs, err := Parse(text)
		if err != nil {
			return
		}
		for _, r := range refs {
			if r.Addr.IsValid() == (r.Name != "") {
				t.Errorf("%q gives %+v", text, r)
			}
			for _, d := range r.Descriptions() {
				if strings.ContainsAny(strings.TrimSuffix(d, "/*"), "*?\\") {
					t.Errorf("%q searches for %q", text, d)
				}
			}
		}
	})
}
