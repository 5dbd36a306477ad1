package check_test

import (
	"context"
	"fmt"

	"muster/check"
	"muster/internal/base/fix"
)

// The example has two checks, one of which explains the other: the agent does not register because the disk is full.
// The first check passes a value to the second.
func Example() {
	// Kinds are declared once, as variables of their group.
	var (
		disk       = &check.Kind{ID: "disk"}
		diskFull   = &check.Kind{ID: "disk-full"}
		registered = &check.Kind{ID: "registered"}
	)
	diskCheck, free := check.Learn(check.Check{Kind: disk, Group: check.Instance, Title: "the disks have free space",
		Findings: []*check.Kind{diskFull}}, func(context.Context) ([]check.Finding, int) {
		return []check.Finding{{Kind: diskFull, Status: check.Fail, Summary: "the file system of / is full",
			Fix: fix.Do("Find what uses the space:", "sudo du -xh --max-depth=2 /")}}, 0
	})
	registeredCheck := check.Check{Kind: registered, Group: check.ECS, Title: "the ECS agent has registered this instance"}
	freeBytes := check.Use(&registeredCheck, free)
	registeredCheck.Run = func(context.Context) []check.Finding {
		return []check.Finding{{Status: check.Fail, Summary: fmt.Sprintf("not registered, with %d bytes free", freeBytes()),
			SymptomOf: []*check.Kind{disk}}}
	}

	results := check.Run(context.Background(), []check.Check{diskCheck, registeredCheck})
	for _, cause := range check.Causes(results) {
		fmt.Println("Cause:", cause.Summary)
		fmt.Println("fix:", cause.Fix.Commands[0])
		fmt.Println("symptoms:", cause.Symptoms)
	}
	// Output:
	// Cause: the file system of / is full
	// fix: sudo du -xh --max-depth=2 /
	// symptoms: [registered]
}
