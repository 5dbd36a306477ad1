// Package facts keeps what `muster ports` has read in a file, so that it can be evaluated
// again without credentials, and compared with what is read later. It evaluates nothing.
//
// The file is JSON of docs/schema/facts.json. Equal facts have equal bytes but for the
// time: lists are sorted. Texts are redacted. Addresses, ids of groups, rules, interfaces
// and subnets, names of groups and account ids are kept, because they decide.
package facts

import (
	"time"
)

// Schema is the version of the document. A field that decides about a verdict needs a new
// one, because a reader that ignores it would be wrong.
const Schema = 1

// kind tells a file of facts from other JSON of muster.
const kind = "muster ports facts"

// document is the file.
type document struct {
	Schema int    `json:"schema"`
	Kind   string `json:"kind"`
	// Digest is that of the document without it. It shows that a file was edited, not that
	// nobody could have edited it.
	Digest  string    `json:"digest"`
	Version string    `json:"version,omitempty"` // of muster
	At      time.Time `json:"at"`                // when the facts were read
	Scope   string    `json:"scope"`
	Region  string    `json:"region"`
	Self    *int      `json:"self,omitempty"` // index of the peer that asked
	Ports   string    `json:"ports"`          // what was evaluated then: profiles and ports
	// Listened are the ports on which the peer that asked listened, by requirement.
	Listened [][]string `json:"listened,omitempty"`
	Targets  []target   `json:"targets,omitempty"` // ports that the load balancers connect to

	Peers         []endpoint   `json:"peers"`
	Balancers     []endpoint   `json:"balancers,omitempty"`
	Groups        []group      `json:"groups"`
	PrefixLists   []prefixList `json:"prefixLists,omitempty"`
	ACLs          []acl        `json:"acls"`
	Middleboxes   []middlebox  `json:"middleboxes,omitempty"`
	RouteFaults   []routeFault `json:"routeFaults,omitempty"`
	OwnInterfaces int          `json:"ownInterfaces,omitempty"` // tasks that were not evaluated
	Notes         []string     `json:"notes,omitempty"`
}

type target struct {
	Ports   string `json:"ports"`
	Dynamic bool   `json:"dynamic,omitempty"` // ports for hostPort 0
}

// unread says why something could not be read.
type unread struct {
	Action string `json:"action,omitempty"`
	Reason string `json:"reason,omitempty"`
}

type eni struct {
	ID        string   `json:"eni,omitempty"`
	Addresses []string `json:"addresses,omitempty"`
	Groups    []string `json:"groups,omitempty"`
	Type      string   `json:"type,omitempty"`
	Subnet    string   `json:"subnet,omitempty"`
	VPC       string   `json:"vpc,omitempty"`
	Trunk     bool     `json:"trunk,omitempty"`
	Task      bool     `json:"task,omitempty"`
	Unread    *unread  `json:"unread,omitempty"`
}

type endpoint struct {
	Name string `json:"name"`
	eni
	Others    []eni  `json:"others,omitempty"` // of the same host
	Trunked   bool   `json:"trunked,omitempty"`
	Region    string `json:"region,omitempty"`
	Account   string `json:"account,omitempty"`
	Ephemeral string `json:"ephemeral,omitempty"` // ports that it connects from
	Kind      string `json:"kind,omitempty"`      // of a load balancer
}

type group struct {
	ID     string  `json:"id"`
	Name   string  `json:"name,omitempty"`
	Rules  []rule  `json:"rules,omitempty"`
	Unread *unread `json:"unread,omitempty"`
}

// rule has exactly one of CIDR, Group and PrefixList, unless Error is set.
type rule struct {
	IDs        []string `json:"ids,omitempty"`
	Direction  string   `json:"direction"`
	Protocol   string   `json:"protocol"`
	Ports      string   `json:"ports,omitempty"`
	ICMP       *icmp    `json:"icmp,omitempty"`
	CIDR       string   `json:"cidr,omitempty"`
	Group      *ref     `json:"group,omitempty"`
	PrefixList string   `json:"prefixList,omitempty"`
	Error      string   `json:"error,omitempty"` // why it could not be decoded
	Text       string   `json:"text,omitempty"`
}

type icmp struct {
	Type int64 `json:"type"`
	Code int64 `json:"code"`
}

type ref struct {
	ID      string `json:"id"`
	Owner   string `json:"owner,omitempty"`
	VPC     string `json:"vpc,omitempty"`
	Peering string `json:"peering,omitempty"`
	Status  string `json:"status,omitempty"`
}

type prefixList struct {
	ID      string   `json:"id"`
	Entries []string `json:"entries,omitempty"`
	Unread  *unread  `json:"unread,omitempty"`
}

type acl struct {
	ID      string     `json:"id,omitempty"`
	Subnets []string   `json:"subnets"`
	Entries []aclEntry `json:"entries,omitempty"`
	Unread  *unread    `json:"unread,omitempty"`
}

type aclEntry struct {
	Number    int    `json:"number"`
	Direction string `json:"direction"`
	Allow     bool   `json:"allow"`
	Protocol  string `json:"protocol"`
	Ports     string `json:"ports,omitempty"`
	ICMP      *icmp  `json:"icmp,omitempty"`
	CIDR      string `json:"cidr,omitempty"`
	Error     string `json:"error,omitempty"`
}

type middlebox struct {
	From string `json:"from"`
	To   string `json:"to"`
	Via  string `json:"via"`
}

type routeFault struct {
	From      string `json:"from"`
	To        string `json:"to"`
	Blackhole bool   `json:"blackhole,omitempty"`
	Text      string `json:"text"`
}
