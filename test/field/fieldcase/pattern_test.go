package fieldcase

import "testing"

func TestPatternFinds(t *testing.T) {
	for _, c := range []struct {
		name, pattern, text, want string
		ok                        bool
	}{
		{"a part of the text", "prod", "cluster prod", "prod", true},
		{"in any case", "ecs.CONFIG:4", "/etc/ecs/ecs.config:4", "ecs.config:4", true},
		{"its characters are no expression", "a.b*", "aXbb", "", false},
		{"an expression", `/ports? \d+/`, "Port 5701", "Port 5701", true},
		{"an expression that minds case", "/(?-i:ECS_Cluster)/", "ECS_CLUSTER", "", false},
		{"one slash is text", "/", "a/b", "/", true},
		{"a path is text", "/etc/ecs", "read /etc/ecs/ecs.config", "/etc/ecs", true},
		{"a match may be empty", "/^$/", "", "", true},
	} {
		p, err := NewPattern(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := p.Find(c.text); got != c.want || ok != c.ok {
			t.Errorf("%s: got %q, %v", c.name, got, ok)
		}
	}
}

func TestPatternFindsInFoldedCopy(t *testing.T) {
	p, err := NewPattern("stop ecs && systemctl")
	if err != nil {
		t.Fatal(err)
	}
	const text = "systemctl stop ecs &&\n        systemctl start ecs"
	if _, ok := p.Find(text); ok {
		t.Error("found across a line break")
	}
	if got, ok := p.Find(text, Fold(text)); !ok || got != "stop ecs && systemctl" {
		t.Errorf("got %q, %v", got, ok)
	}
}
