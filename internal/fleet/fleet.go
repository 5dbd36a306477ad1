// Package fleet finds out who an instance's peers are and what guards them: the
// container instances of its cluster, the members of its Auto Scaling group, the
// running tasks of a service or family, or addresses given by hand, with the
// security groups, network ACLs and prefix lists around them, as endpoints and a
// world for package reach.
//
// It judges nothing. What it may not or cannot read goes into the world as unread,
// with the IAM action, so that the verdict there is UNKNOWN. Discover returns an error instead of a fleet
// only if the peers themselves are unknown.
//
// Not read: groups that rules only refer to, because a reference is a question of who
// carries the group.
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

// Selector says who the peers are: the container instances of Cluster, unless one
// of Group, Service, Family and Addresses is given.
type Selector struct {
	Cluster         string // name or ARN
	Group           string // an Auto Scaling group
	Service, Family string // of running tasks in Cluster
	Addresses       []netip.Addr
	// AllTasks of Family are found, also if that takes more than 30 calls.
	AllTasks  bool
	Self      string         // EC2 id of the instance that asks; may be empty
	Balancers []balancer.Ref // load balancers in front of the peers
	// Brief: of Cluster's container instances the first hundred do, which take two
	// calls of ECS instead of two for each hundred.
	Brief bool
}

// Fleet is the peers and what guards them.
type Fleet struct {
	Endpoints []reach.Endpoint // one for each network interface
	// Balancers are the nodes of load balancers, and Kinds their kinds by network
	// interface, if its description names one.
	Balancers []reach.Endpoint
	Kinds     map[string]balancer.Kind
	// Self is the index of the endpoint on the selector's Self, the first if there
	// are several; -1 if there is none.
	Self  int
	World reach.World
	// Notes say what is odd about the peers or their rules, and who was left out.
	Notes []string
	// Unread is every cause of an UNKNOWN verdict, once.
	Unread []reach.Unread
	Calls  int // requests sent, retries included
	// OwnInterfaces is the number of running tasks that have network interfaces of their
	// own, where those of the instances were evaluated.
	OwnInterfaces int

	at     map[string]int // index of Endpoints by interface
	noted  map[string]bool
	missed map[reach.Unread]bool
}

// Members tells who belongs to a cluster, an Auto Scaling group or a service.
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

// Interfaces tells which network interfaces somebody has.
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

// Meter tells where the calls go and how many were sent.
type Meter interface {
	Region() string
	Calls() int
}

// API is what Discover asks: an *awsapi.Client. Its lists come back with what was
// read before an error.
type API interface {
	Members
	Interfaces
	Groups
	Lists
	Routes
	Meter
}

// all are the endpoints that somebody guards.
func (f *Fleet) all() []reach.Endpoint { return slices.Concat(f.Endpoints, f.Balancers) }

// Discover finds the peers and reads what guards them. Calls run one after the
// other: 1,000 peers take some two dozen, and the API's request rate is shared with
// the account. The error says that the peers are not known; it is, or wraps, an
// *awsapi.Error where the API refused.
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
		return f, fmt.Errorf("reading what guards the peers: %w", err)
	}
	return f, nil
}

// countTasks counts the tasks whose traffic does not use the interfaces found. Those
// attached to an instance are seen on it. Those on a trunk are not, and take two calls,
// for the first hundred.
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
		return errors.New("choosing the peers: name one of Auto Scaling group, service, family and addresses")
	case s.Cluster == "" && s.Group == "" && len(s.Addresses) == 0:
		return errors.New("choosing the peers: name a cluster, an Auto Scaling group or addresses")
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

// unread records that something could not be read, and why. The reason is the same
// for all that one call was about: the judge then takes them together.
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
