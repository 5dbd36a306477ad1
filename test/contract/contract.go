// Package contract verifies the behavior of the AWS APIs that muster relies on: one clause for each fact, tested through
// the real SDK clients. Both the sandbox and moto must pass it, so that neither drifts.
//
// It does not cover sandbox controls, faults or wire formats, and starts no backend.
package contract

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/smithy-go"
)

// Backend implements the AWS APIs, and is prepared with one instance.
type Backend struct {
	// Config connects SDK clients to the backend: region, endpoint, credentials.
	Config aws.Config

	InstanceID       string // running, tagged TagKey=TagValue
	IdentityDocument string // the instance's, as JSON
	TagKey, TagValue string

	Group string // Auto Scaling group of the instance, with the same tag
	Hook  string // its launch hook: default result ABANDON, heartbeat 600 s

	Stack, Resource string // a stack with a resource that waits for a signal

	// Exempt maps the names of clauses that the backend is known to violate to a part of the expected error. If the
	// clause passes, or fails with another error, the exemption is stale.
	Exempt map[string]string
}

// clients are SDK clients of a backend.
type clients struct {
	Backend
	ecs *ecs.Client
	ec2 *ec2.Client
	asg *autoscaling.Client
	cfn *cloudformation.Client
	cw  *cloudwatch.Client

	events *eventbridge.Client
}

type clause struct {
	name string
	hold func(context.Context, *clients) error
}

// Run runs every clause as a subtest. Each clause can run alone. The clause that completes the lifecycle action runs
// after all clauses that need the instance to wait.
func Run(t *testing.T, b Backend) {
	t.Helper()
	c := &clients{
		Backend: b,
		ecs:     ecs.NewFromConfig(b.Config, func(o *ecs.Options) { o.RetryMaxAttempts = 1 }),
		ec2:     ec2.NewFromConfig(b.Config, func(o *ec2.Options) { o.RetryMaxAttempts = 1 }),
		asg:     autoscaling.NewFromConfig(b.Config, func(o *autoscaling.Options) { o.RetryMaxAttempts = 1 }),
		cfn:     cloudformation.NewFromConfig(b.Config, func(o *cloudformation.Options) { o.RetryMaxAttempts = 1 }),
		cw:      cloudwatch.NewFromConfig(b.Config, func(o *cloudwatch.Options) { o.RetryMaxAttempts = 1 }),

		events: eventbridge.NewFromConfig(b.Config, func(o *eventbridge.Options) { o.RetryMaxAttempts = 1 }),
	}
	for _, cl := range clauses() {
		t.Run(cl.name, func(t *testing.T) { run(t, c, cl) })
	}
	for name := range b.Exempt {
		if !slices.ContainsFunc(clauses(), func(cl clause) bool { return cl.name == name }) {
			t.Errorf("exemption of an unknown clause: %s", name)
		}
	}
}

func clauses() []clause {
	return slices.Concat(
		ecsClauses(),
		taskClauses(),
		instanceClauses(),
		vpcClauses(),
		wayClauses(),
		groupClauses(),
		fleetClauses(),
		lifecycleClauses(),
		stackClauses(),
		metricClauses(),
		eventClauses(),
	)
}

func run(t *testing.T, c *clients, cl clause) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	known, exempt := c.Exempt[cl.name]
	if err := verdict(cl.hold(ctx, c), known, exempt); err != nil {
		t.Error(err)
	}
}

// verdict evaluates the result of a clause, given its exemption if any.
func verdict(err error, known string, exempt bool) error {
	switch {
	case !exempt:
		return err
	case err == nil:
		return errors.New("the clause passes, so the exemption is stale")
	case !strings.Contains(err.Error(), known):
		return fmt.Errorf("the clause fails with an error other than %q: %w", known, err)
	}
	return nil
}

// wantCode checks that err is an API error with this code.
func wantCode(err error, code string) error {
	var api smithy.APIError
	if err == nil {
		return fmt.Errorf("no error, want code %s", code)
	}
	if !errors.As(err, &api) || api.ErrorCode() != code {
		return fmt.Errorf("got error %w, want code %s", err, code)
	}
	return nil
}

// wantMessage is wantCode with the exact message.
func wantMessage(err error, code, message string) error {
	var api smithy.APIError
	if err == nil {
		return fmt.Errorf("no error, want %s: %s", code, message)
	}
	if !errors.As(err, &api) || api.ErrorCode() != code || api.ErrorMessage() != message {
		return fmt.Errorf("got error %w, want %s: %s", err, code, message)
	}
	return nil
}

func want[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s: got %v, want %v", what, got, want)
	}
	return nil
}

// deref returns the value of a pointer, or the zero value.
func deref[T any](p *T) T {
	var v T
	if p != nil {
		v = *p
	}
	return v
}
