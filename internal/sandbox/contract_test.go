package sandbox_test

import (
	"testing"
	"time"

	"muster/internal/sandbox"
	"muster/test/contract"
)

func TestSandboxMeetsTheContract(t *testing.T) {
	s := start(t, sandbox.Options{
		InstanceTags: map[string]string{"muster:cluster": "prod"},
		Group: &sandbox.Group{
			Name: "workers", Tags: map[string]string{"muster:cluster": "prod"},
			Hooks: []sandbox.Hook{{Name: "ready", Timeout: 600 * time.Second}},
		},
		Stacks: map[string][]string{"web": {"Workers"}},
	})
	contract.Run(t, contract.Backend{
		Config:     s.AWSConfig(),
		InstanceID: "i-0123456789abcdef0", IdentityDocument: s.IdentityDocument(),
		TagKey: "muster:cluster", TagValue: "prod",
		Group: "workers", Hook: "ready",
		Stack: "web", Resource: "Workers",
	})
}
