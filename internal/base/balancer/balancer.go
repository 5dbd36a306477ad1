// Package balancer parses references to load balancers: names, ARNs, and private
// addresses of their nodes. It also knows how Elastic Load Balancing describes the
// network interfaces of a load balancer.
//
//	web                                                          any kind
//	arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/net/web/50dc6c495c0c9188
//	10.0.1.200                                                   one node
package balancer

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// Kind is the kind of a load balancer.
type Kind string

// The kinds. A Gateway Load Balancer has no targets with ports.
const (
	Application Kind = "Application Load Balancer"
	Network     Kind = "Network Load Balancer"
	Classic     Kind = "Classic Load Balancer"
)

// maxRefs is the maximum number of load balancers in one setting.
const maxRefs = 20

// Ref is a reference to a load balancer. Either Addr or Name is set. Kind, ID, Region
// and Account are empty for a name.
type Ref struct {
	Text            string // as given
	Addr            netip.Addr
	Name            string
	Kind            Kind
	ID              string // the last part of an ARN; Classic Load Balancers have none
	Region, Account string
}

// nameForm matches up to 32 letters, digits and hyphens (Elastic Load Balancing API reference, CreateLoadBalancer). EC2
// filters treat none of these characters as a wildcard.
var (
	nameForm = regexp.MustCompile(`^[A-Za-z0-9-]{1,32}$`)
	idForm   = regexp.MustCompile(`^[A-Za-z0-9]+$`)
	arnForm  = regexp.MustCompile(`^arn:[a-z-]+:elasticloadbalancing:([a-z0-9-]+):([0-9]{12}):loadbalancer/(.+)$`)
)

// Parse parses a list separated by commas or white space. Its error quotes the list in ASCII.
func Parse(text string) ([]Ref, error) {
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' })
	if len(words) > maxRefs {
		return nil, fmt.Errorf("%d load balancers: at most %d can be evaluated at once", len(words), maxRefs)
	}
	var refs []Ref
	for _, word := range words {
		ref, err := parse(word)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(refs, func(r Ref) bool { return r.Text == ref.Text }) {
			refs = append(refs, ref)
		}
	}
	return refs, nil
}

func parse(word string) (Ref, error) {
	ref := Ref{Text: word, Name: word}
	if addr, err := netip.ParseAddr(word); err == nil {
		return Ref{Text: word, Addr: addr.Unmap().WithZone("")}, nil
	}
	if !strings.HasPrefix(word, "arn:") {
		if !nameForm.MatchString(word) {
			return Ref{}, fmt.Errorf("%+.80q is not a load balancer: want a name, an ARN or a private address", word)
		}
		return ref, nil
	}
	parts := arnForm.FindStringSubmatch(word)
	if parts == nil {
		return Ref{}, fmt.Errorf("%+.200q is not a load balancer ARN, such as "+
			"arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/NAME/50dc6c495c0c9188", word)
	}
	ref.Region, ref.Account = parts[1], parts[2]
	switch path := strings.Split(parts[3], "/"); {
	case len(path) == 1:
		ref.Kind, ref.Name = Classic, path[0]
	case len(path) == 3 && path[0] == "app" && idForm.MatchString(path[2]):
		ref.Kind, ref.Name, ref.ID = Application, path[1], path[2]
	case len(path) == 3 && path[0] == "net" && idForm.MatchString(path[2]):
		ref.Kind, ref.Name, ref.ID = Network, path[1], path[2]
	default:
		return Ref{}, fmt.Errorf("%+.200q is not the ARN of an Application, Network or Classic Load Balancer", word)
	}
	if !nameForm.MatchString(ref.Name) {
		return Ref{}, fmt.Errorf("%+.200q does not name a load balancer", word)
	}
	return ref, nil
}

// Descriptions returns the descriptions of the load balancer's network interfaces, as values for an EC2 filter, in
// which * matches any characters ("Security groups for your Application Load Balancer" and "Update the security groups
// for your Network Load Balancer", ELB user guides; for Classic Load Balancers "ELB NAME").
func (r Ref) Descriptions() []string {
	id := r.ID
	if id == "" {
		id = "*"
	}
	app, net, classic := prefix+"app/"+r.Name+"/"+id, prefix+"net/"+r.Name+"/"+id, prefix+r.Name
	switch r.Kind {
	case Application:
		return []string{app}
	case Network:
		return []string{net}
	case Classic:
		return []string{classic}
	}
	return []string{app, net, classic}
}

const prefix = "ELB "

// Any matches the descriptions of the network interfaces of every load balancer.
const Any = prefix + "*"

// Described returns the load balancer that the description of a network interface names. It returns false if there is
// none.
func Described(description string) (ref Ref, ok bool) {
	rest, ok := strings.CutPrefix(description, prefix)
	if !ok {
		return Ref{}, false
	}
	path := strings.Split(rest, "/")
	switch {
	case len(path) == 1:
		ref = Ref{Name: path[0], Kind: Classic}
	case len(path) >= 3 && path[0] == "app":
		ref = Ref{Name: path[1], Kind: Application, ID: path[2]}
	case len(path) >= 3 && path[0] == "net":
		ref = Ref{Name: path[1], Kind: Network, ID: path[2]}
	}
	ref.Text = ref.Name
	return ref, nameForm.MatchString(ref.Name)
}

// Is reports whether the description's load balancer is the one that r refers to.
func (r Ref) Is(described Ref) bool {
	return r.Name == described.Name && (r.Kind == "" || r.Kind == described.Kind) && (r.ID == "" || r.ID == described.ID)
}
