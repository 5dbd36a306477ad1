// Package fleet discovers an instance's peers and the rules around them. Peers are the container instances of its
// cluster, the members of its Auto Scaling group, the running tasks of a service or family, or given addresses. The
// rules are in security groups, network ACLs and prefix lists. The results are endpoints and a world for package reach.
//
// The package evaluates no rules. It records what it cannot read, together with the IAM action, as unread in the world,
// so that the verdict becomes UNKNOWN. Discover returns an error instead of a fleet only if the peers themselves are
// unknown.
//
// It does not read security groups to which rules only refer. Such a rule matches the interfaces that have the group,
// whatever the group's own rules.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"

	"muster/internal/awsapi"
	"muster/internal/base/balancer"
	"muster/reach"
)

// Selector selects the peers: the container instances of Cluster, unless Group, Service, Family or Addresses is set.
type Selector struct {
	Cluster         string // name or ARN
	Group           string // an Auto Scaling group
	Service, Family string // of running tasks in Cluster
	Addresses       []netip.Addr
	// AllTasks finds all tasks of Family, even if that takes more than 30 calls.
	AllTasks  bool
	Self      string         // EC2 ID of this instance; may be empty
	Balancers []balancer.Ref // load balancers for the peers
	// Brief limits the discovery to the first hundred container instances of Cluster. That takes two ECS calls, instead
	// of two for each hundred.
	Brief bool
}

// Fleet holds the peers and the rules around them.
type Fleet struct {
	Endpoints []reach.Endpoint // one for each network interface
	// Balancers are the nodes of load balancers. Kinds maps their network interfaces to their kinds, if the description
	// names one.
	Balancers []reach.Endpoint
	Kinds     map[string]balancer.Kind
	// Self is the index of the endpoint of the selector's Self, the first if it has several. It is -1 if there is none.
	Self  int
	World reach.World
	// Notes describe peculiarities of the peers or their rules, and the peers that were left out.
	Notes []string
	// Unread lists each cause of an UNKNOWN verdict once.
	Unread []reach.Unread
	Calls  int // number of requests, including retries
	// OwnInterfaces is the number of running tasks with their own network interfaces, if the interfaces of the
	// instances were evaluated.
	OwnInterfaces int

	at     map[string]int // index in Endpoints by interface ID
	noted  map[string]bool
	missed map[reach.Unread]bool
}

// Members lists the members of a cluster, an Auto Scaling group or a service.
type Members interface {
	ClusterInstances
	GroupInstances(ctx context.Context, group string) ([]string, error)
	Tasks(ctx context.Context, cluster, service, family string) iter.Seq2[[]awsapi.Task, error]
}

// ClusterInstances lists the container instances of a cluster.
type ClusterInstances interface {
	ContainerInstanceARNs(ctx context.Context, cluster, filter string) iter.Seq2[[]string, error]
	ContainerInstances(ctx context.Context, cluster string, arns []string) ([]awsapi.ContainerInstance, error)
}

// Interfaces finds network interfaces by instance, ID or address.
type Interfaces interface {
	Instances(ctx context.Context, ids []string) ([]awsapi.Instance, error)
	Interfaces(ctx context.Context, ids []string) ([]awsapi.Interface, error)
	InterfacesAt(ctx context.Context, addrs []netip.Addr) ([]awsapi.Interface, error)
	InterfacesDescribed(ctx context.Context, patterns []string) ([]awsapi.Interface, error)
}

// Groups reads security groups.
type Groups interface {
	SecurityGroups(ctx context.Context, ids []string) ([]reach.Group, error)
	SecurityGroupRules(ctx context.Context, groups []string) ([]reach.Group, error)
}

// Lists reads network ACLs and prefix lists.
type Lists interface {
	NetworkACLs(ctx context.Context, subnets []string) ([]reach.ACL, error)
	PrefixList(ctx context.Context, id string) (reach.PrefixList, error)
}

// Meter reports the region of the calls and how many requests were sent.
type Meter interface {
	Region() string
	Calls() int
}

// API is the AWS API that Discover uses. *awsapi.Client implements it. After an error, its lists contain the items that
// were read before it.
type API interface {
	Members
	Interfaces
	Groups
	Lists
	Routes
	Meter
}

// all returns the endpoints whose rules must be read.
func (f *Fleet) all() []reach.Endpoint { return slices.Concat(f.Endpoints, f.Balancers) }

// Discover finds the peers and reads the rules around them. It makes its calls one after the other, because the account
// shares the API's request rate. 1,000 peers take about two dozen calls. An error means that the peers are unknown. If
// the API denied a request, the error is or wraps an *awsapi.Error.
func Discover(ctx context.Context, api API, s Selector) (Fleet, error) {
	f := Fleet{Self: -1}
	if err := s.validate(); err != nil {
		return f, err
	}
	before := api.Calls()
	members, notes, err := find(ctx, api, s)
	if err != nil {
		return f, fmt.Errorf("finding the peers in %s: %w", api.Region(), err)
	}
	f.Notes = notes
	f.findBalancers(ctx, api, api.Region(), s.Balancers)
	f.locate(ctx, api, api.Region(), members)
	f.compareVPCs()
	f.countTasks(ctx, api, s)
	f.readGroups(ctx, api)
	f.readACLs(ctx, api)
	f.readPrefixLists(ctx, api)
	f.readRoutes(ctx, api)
	f.Calls = api.Calls() - before
	if err := ctx.Err(); err != nil {
		return f, fmt.Errorf("reading the rules around the peers: %w", err)
	}
	return f, nil
}

// countTasks counts the tasks whose traffic does not use the discovered interfaces. Task interfaces that are attached
// to an instance are known from the instance. Those on a trunk are not known, and take two calls for the first hundred
// tasks.
func (f *Fleet) countTasks(ctx context.Context, api Members, s Selector) {
	if s.Service != "" || s.Family != "" || len(s.Addresses) > 0 {
		return
	}
	trunk := false
	for _, e := range f.Endpoints {
		trunk = trunk || e.Trunked
		for _, eni := range e.Others {
			if eni.Task {
				f.OwnInterfaces++
			}
		}
	}
	if !trunk || s.Brief || s.Cluster == "" {
		return
	}
	for page, err := range api.Tasks(ctx, s.Cluster, "", "") {
		if err != nil {
			f.note("could not check whether tasks have network interfaces of their own: %v", err)
		}
		own := 0
		for _, t := range page {
			if t.Interface != "" {
				own++
			}
		}
		f.OwnInterfaces = max(f.OwnInterfaces, own)
		return
	}
}

func (s Selector) validate() error {
	given := 0
	for _, is := range []bool{s.Group != "", s.Service != "", s.Family != "", len(s.Addresses) > 0} {
		if is {
			given++
		}
	}
	switch {
	case given > 1:
		return errors.New("choosing the peers: pass one of Auto Scaling group, service, family and addresses")
	case s.Cluster == "" && s.Group == "" && len(s.Addresses) == 0:
		return errors.New("choosing the peers: pass a cluster, an Auto Scaling group or addresses")
	}
	return nil
}

func (f *Fleet) note(format string, args ...any) {
	if f.noted == nil {
		f.noted = map[string]bool{}
		for _, n := range f.Notes {
			f.noted[n] = true
		}
	}
	if n := fmt.Sprintf(format, args...); !f.noted[n] {
		f.noted[n] = true
		f.Notes = append(f.Notes, n)
	}
}

// unread records that something could not be read, and why. Everything that one call should have returned has the same
// reason, and the judge groups it by that reason.
func (f *Fleet) unread(err error) reach.Unread {
	u := reach.Unread{Reason: err.Error()}
	var e *awsapi.Error
	if errors.As(err, &e) {
		u = reach.Unread{Action: e.Action, Reason: e.Code}
		if e.Code == "" {
			u.Reason = e.Err.Error()
		}
	}
	f.miss(u)
	return u
}

func (f *Fleet) miss(u reach.Unread) {
	if f.missed == nil {
		f.missed = map[reach.Unread]bool{}
	}
	if !f.missed[u] {
		f.missed[u] = true
		f.Unread = append(f.Unread, u)
	}
}
