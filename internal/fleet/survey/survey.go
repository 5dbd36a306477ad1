// Package survey reads an ECS cluster into an inventory. The number of calls is limited:
//
//	12 + 3 per 100 instances + 1 per 10 services + 2 per 100 tasks
//
//	what                      calls
//	cluster                   1
//	capacity providers        1 per 10, of which a cluster has up to 20
//	container instances       2 per 100, and 1 per 1,000 for EC2's side
//	services                  1 per 100 and 1 per 10
//	tasks                     2 per 100; none with Options.NoTasks
//	Auto Scaling groups       2: by name, and by the tag muster:cluster
//	scheduled actions, and    up to 6 together: each group's own for three groups; for more, the
//	scaling activities        region's list, and the activities of the groups short of instances
//
// A cluster with more than 700 services and almost no instances takes up to 3 more calls, because ECS lists 100
// services per call.
//
// A part without permission becomes an inventory.Unread with its IAM action. It is unknown, never "no". Tasks are kept
// only as counts, so that memory usage depends on the instances and services.
//
// The package evaluates nothing. Package internal/fleet/verdict does.
package survey

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"muster/internal/awsapi"
	"muster/internal/base/arn"
	"muster/internal/fleet/inventory"
)

// Clusters reads a cluster, its capacity providers, and the names of other clusters.
type Clusters interface {
	DescribeCluster(ctx context.Context, cluster string) (inventory.Cluster, error)
	DescribeProviders(ctx context.Context, cluster string) ([]inventory.Provider, error)
	ClusterNames(ctx context.Context) ([]string, error)
}

// Instances reads container instances, and the data that EC2 adds.
type Instances interface {
	ContainerInstanceARNs(ctx context.Context, cluster, filter string) iter.Seq2[[]string, error]
	DescribeInstances(ctx context.Context, cluster string, arns []string) ([]inventory.Instance, error)
	Launches(ctx context.Context, ids []string) ([]inventory.Launch, error)
}

// Services reads services.
type Services interface {
	ServiceARNs(ctx context.Context, cluster string) iter.Seq2[[]string, error]
	DescribeServices(ctx context.Context, cluster string, arns []string) ([]inventory.Service, error)
}

// Tasks counts tasks.
type Tasks interface {
	TaskARNs(ctx context.Context, cluster string) iter.Seq2[[]string, error]
	CountTasks(ctx context.Context, cluster string, arns []string) ([]inventory.TaskCount, error)
}

// Groups reads Auto Scaling groups.
type Groups interface {
	GroupsNamed(ctx context.Context, names []string) ([]inventory.Group, error)
	GroupsTagged(ctx context.Context, key, value string) ([]inventory.Group, error)
}

// Schedules reads scheduled actions and scaling activities.
type Schedules interface {
	ScheduledActions(ctx context.Context, group string, upTo int) ([]inventory.ScheduledAction, bool, error)
	Activities(ctx context.Context, group string) ([]inventory.Activity, error)
}

// Meter reports the region of the calls and how many requests were sent.
type Meter interface {
	Region() string
	Calls() int
}

// API is the AWS API that Read uses. *awsapi.Client implements it, preferably a Polite one. After an error, its lists
// contain the items that were read before it.
type API interface {
	Clusters
	Instances
	Services
	Tasks
	Groups
	Schedules
	Meter
}

// Options selects what is read.
type Options struct {
	Cluster string // name or ARN
	// Groups names Auto Scaling groups of the cluster, in addition to those that its capacity providers, its instances
	// and the tag muster:cluster name.
	Groups  []string
	NoTasks bool // skip the tasks, which saves 2 calls per 100
	// Progress, if not nil, is called during the reading, by one goroutine at a time.
	Progress func(Progress)
}

// Progress holds how much was read so far.
type Progress struct {
	Calls                      int
	Instances, Services, Tasks int // read so far
}

// workers is the number of concurrent calls of one kind. The client limits the rate.
const workers = 4

// reader collects one inventory.
type reader struct {
	api API
	o   Options

	before int // number of calls before the reading

	mu    sync.Mutex // guards the following fields
	inv   *inventory.Inventory
	tasks map[inventory.TaskCount]int
	seen  Progress
}

// Read reads a cluster. An error means that nothing is known: the cluster does not exist (awsapi.ErrNoSuchCluster, with
// similar names), or every call failed.
func Read(ctx context.Context, api API, o Options) (*inventory.Inventory, error) {
	r := &reader{api: api, o: o, before: api.Calls(), tasks: map[inventory.TaskCount]int{},
		inv: &inventory.Inventory{Region: api.Region(), At: time.Now().UTC()}}
	if err := r.cluster(ctx); err != nil {
		return nil, err
	}
	var all errgroup.Group
	for _, part := range []func(context.Context){r.providers, r.instances, r.services, r.countTasks} {
		all.Go(func() error { part(ctx); return nil })
	}
	_ = all.Wait()
	r.groups(ctx)
	r.finish()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("reading cluster %s: %w", o.Cluster, err)
	}
	return r.inv, r.nothing()
}

// nothing returns an error if no part could be read, because permissions or credentials are missing.
func (r *reader) nothing() error {
	for _, part := range []inventory.Part{inventory.PartCluster, inventory.PartInstances, inventory.PartServices} {
		if _, missing := r.inv.Missing(part); !missing {
			return nil
		}
	}
	return &NothingError{Unread: r.inv.Unread}
}

// NothingError means that no part of the cluster could be read.
type NothingError struct{ Unread []inventory.Unread }

func (e *NothingError) Error() string {
	var actions []string
	for _, u := range e.Unread {
		if u.Denied && !slices.Contains(actions, u.Action) {
			actions = append(actions, u.Action)
		}
	}
	if len(actions) == 0 {
		return "nothing could be read: " + e.Unread[0].Action + ": " + e.Unread[0].Reason
	}
	return "nothing could be read: these actions are not allowed: " + strings.Join(actions, ", ")
}

func (r *reader) cluster(ctx context.Context) error {
	cluster, err := r.api.DescribeCluster(ctx, r.o.Cluster)
	switch {
	case errors.Is(err, awsapi.ErrNoSuchCluster):
		names, listErr := r.api.ClusterNames(ctx)
		return &UnknownClusterError{Cluster: r.o.Cluster, Region: r.api.Region(), Names: names, Unlisted: listErr}
	case err != nil && fatal(err):
		return err
	case err != nil:
		cluster.Name = arn.Last(r.o.Cluster)
		r.unread(inventory.PartCluster, err)
	}
	r.inv.Cluster = cluster
	return nil
}

// fatal reports whether every other call would fail with the same error.
func fatal(err error) bool {
	switch awsapi.KindOf(err) {
	case awsapi.NoIdentity, awsapi.Unreachable, awsapi.ClockSkew, awsapi.Exhausted:
		return true
	}
	return errors.Is(err, context.Canceled)
}

// UnknownClusterError means that the region has no such cluster.
type UnknownClusterError struct {
	Cluster, Region string
	Names           []string // names of the region's clusters, up to 300
	Unlisted        error    // why the names are missing or incomplete
}

func (e *UnknownClusterError) Error() string {
	return fmt.Sprintf("no cluster %s in %s", e.Cluster, e.Region)
}

// Unwrap returns awsapi.ErrNoSuchCluster.
func (e *UnknownClusterError) Unwrap() error { return awsapi.ErrNoSuchCluster }

func (r *reader) providers(ctx context.Context) {
	if !r.missing(inventory.PartCluster) && len(r.inv.Cluster.Providers) == 0 {
		return
	}
	all, err := r.api.DescribeProviders(ctx, r.o.Cluster)
	r.mu.Lock()
	defer r.mu.Unlock()
	// moto and older AWS regions do not limit the response to the cluster.
	r.inv.Providers = slices.DeleteFunc(all, func(p inventory.Provider) bool {
		return len(r.inv.Cluster.Providers) > 0 && !slices.Contains(r.inv.Cluster.Providers, p.Name)
	})
	r.missed(inventory.PartProviders, err)
}

// each reads a list page by page, and describes the items in batches, several at the same time.
func each[T any](ctx context.Context, r *reader, part inventory.Part, list iter.Seq2[[]string, error], size int,
	describe func(context.Context, []string) ([]T, error), keep func([]T)) {
	var all errgroup.Group
	all.SetLimit(workers)
	for page, err := range list {
		if err != nil {
			r.unread(part, err)
			break
		}
		for batch := range slices.Chunk(page, size) {
			all.Go(func() error {
				some, err := describe(ctx, batch)
				r.mu.Lock()
				defer r.mu.Unlock()
				keep(some)
				r.missed(part, err)
				r.report()
				return nil
			})
		}
		if r.missing(part) {
			break // the other batches would fail with the same error
		}
	}
	_ = all.Wait()
}

func (r *reader) instances(ctx context.Context) {
	each(ctx, r, inventory.PartInstances, r.api.ContainerInstanceARNs(ctx, r.o.Cluster, ""), awsapi.MaxDescribed,
		func(ctx context.Context, arns []string) ([]inventory.Instance, error) {
			return r.api.DescribeInstances(ctx, r.o.Cluster, arns)
		},
		func(some []inventory.Instance) {
			r.inv.Instances = append(r.inv.Instances, some...)
			r.seen.Instances += len(some)
		})
	var ids []string
	for _, i := range r.inv.Instances {
		if i.Kind == inventory.EC2 && strings.HasPrefix(i.ID, "i-") {
			ids = append(ids, i.ID)
		}
	}
	slices.Sort(ids)
	launches, err := r.api.Launches(ctx, slices.Compact(ids))
	r.unread(inventory.PartEC2, err)
	byID := make(map[string]inventory.Launch, len(launches))
	for _, l := range launches {
		byID[l.ID] = l
	}
	for n := range r.inv.Instances {
		i := &r.inv.Instances[n]
		if l, ok := byID[i.ID]; ok {
			i.State, i.Launched, i.Group = l.State, l.Launched, l.Group
			i.Zone, i.Type = cmp.Or(i.Zone, l.Zone), cmp.Or(i.Type, l.Type)
		}
	}
}

func (r *reader) services(ctx context.Context) {
	each(ctx, r, inventory.PartServices, r.api.ServiceARNs(ctx, r.o.Cluster), awsapi.MaxServices,
		func(ctx context.Context, arns []string) ([]inventory.Service, error) {
			return r.api.DescribeServices(ctx, r.o.Cluster, arns)
		},
		func(some []inventory.Service) {
			r.inv.Services = append(r.inv.Services, some...)
			r.seen.Services += len(some)
		})
}

func (r *reader) countTasks(ctx context.Context) {
	if r.o.NoTasks {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.inv.Unread = append(r.inv.Unread, inventory.Unread{Part: inventory.PartTasks, Reason: "left out by --no-tasks"})
		return
	}
	each(ctx, r, inventory.PartTasks, r.api.TaskARNs(ctx, r.o.Cluster), awsapi.MaxDescribed,
		func(ctx context.Context, arns []string) ([]inventory.TaskCount, error) {
			return r.api.CountTasks(ctx, r.o.Cluster, arns)
		},
		func(some []inventory.TaskCount) {
			inventory.Add(r.tasks, some)
			for _, t := range some {
				r.seen.Tasks += t.Tasks
			}
		})
}

// unread calls missed with the lock held.
func (r *reader) unread(part inventory.Part, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.missed(part, err)
}

// missed records why a part is unknown, once per action.
func (r *reader) missed(part inventory.Part, err error) {
	if err == nil {
		return
	}
	u := inventory.Unread{Part: part, Reason: err.Error()}
	var e *awsapi.Error
	if errors.As(err, &e) {
		u = inventory.Unread{Part: part, Action: e.Action, Reason: cmp.Or(e.Code, e.Err.Error()), Denied: e.Kind == awsapi.Denied}
	}
	if !slices.ContainsFunc(r.inv.Unread, func(o inventory.Unread) bool { return o.Part == part && o.Action == u.Action }) {
		r.inv.Unread = append(r.inv.Unread, u)
	}
}

func (r *reader) missing(part inventory.Part) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, missing := r.inv.Missing(part)
	return missing
}

func (r *reader) report() {
	if r.o.Progress != nil {
		r.seen.Calls = r.api.Calls() - r.before
		r.o.Progress(r.seen)
	}
}

// finish sorts everything, so that two readings of the same cluster are equal.
func (r *reader) finish() {
	inv := r.inv
	managed := map[string]bool{}
	for _, p := range inv.Providers {
		managed[p.Name] = p.Managed
	}
	for n := range inv.Instances {
		if i := &inv.Instances[n]; managed[i.Provider] && i.Kind == inventory.EC2 {
			i.Kind = inventory.Managed
		}
	}
	slices.SortFunc(inv.Instances, func(a, b inventory.Instance) int {
		return cmp.Or(cmp.Compare(a.Zone, b.Zone), cmp.Compare(a.ID, b.ID), cmp.Compare(a.ARN, b.ARN))
	})
	slices.SortFunc(inv.Services, func(a, b inventory.Service) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(inv.Unread, func(a, b inventory.Unread) int {
		return cmp.Or(cmp.Compare(a.Part, b.Part), cmp.Compare(a.Action, b.Action))
	})
	for t, n := range r.tasks {
		t.Tasks = n
		inv.Tasks = append(inv.Tasks, t)
	}
	slices.SortFunc(inv.Tasks, func(a, b inventory.TaskCount) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Definition, b.Definition), cmp.Compare(a.Zone, b.Zone),
			cmp.Compare(a.Instance, b.Instance), cmp.Compare(a.Status, b.Status))
	})
	inv.Calls = r.api.Calls() - r.before
}
