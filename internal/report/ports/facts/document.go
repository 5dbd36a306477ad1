// Package facts stores in a file what `muster ports` has read. The file can be evaluated again without credentials, and
// compared with later facts. The package evaluates nothing.
//
// The file is JSON, described in docs/schema/facts.json. Equal facts have equal bytes except for the time, because
// lists are sorted. Texts are redacted. Addresses, IDs of groups, rules, interfaces and subnets, names of groups, and
// account IDs are kept, because the evaluation needs them.
package facts

import (
	"time"
)

// Schema is the version of the document. A new field that affects a verdict needs a new version, because a reader that
// ignores the field would return a wrong verdict.
const Schema = 1

// kind distinguishes a facts file from other JSON of muster.
const kind = "muster ports facts"

// document is the content of the file.
type document struct {
	Schema int    `json:"schema"`
	Kind   string `json:"kind"`
	// Digest is the digest of the document without this field. It reveals accidental edits, but does not protect
	// against deliberate ones.
	Digest  string    `json:"digest"`
	Version string    `json:"version,omitempty"` // of muster
	At      time.Time `json:"at"`                // when the facts were read
	Scope   string    `json:"scope"`
	Region  string    `json:"region"`
	Self    *int      `json:"self,omitempty"` // index of the peer on which muster ran
	Ports   string    `json:"ports"`          // the profiles and ports that were evaluated
	// Listened holds the ports on which that peer listened, by requirement.
	Listened [][]string `json:"listened,omitempty"`
	Targets  []target   `json:"targets,omitempty"` // the load balancers' target ports

	Peers         []endpoint   `json:"peers"`
	Balancers     []endpoint   `json:"balancers,omitempty"`
	Groups        []group      `json:"groups"`
	PrefixLists   []prefixList `json:"prefixLists,omitempty"`
	ACLs          []acl        `json:"acls"`
	Middleboxes   []middlebox  `json:"middleboxes,omitempty"`
	RouteFaults   []routeFault `json:"routeFaults,omitempty"`
	OwnInterfaces int          `json:"ownInterfaces,omitempty"` // number of tasks that were not evaluated
	Notes         []string     `json:"notes,omitempty"`
}

type target struct {
	Ports   string `json:"ports"`
	Dynamic bool   `json:"dynamic,omitempty"` // ports for hostPort 0
}

// unread is why something could not be read.
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
	Others    []eni  `json:"others,omitempty"` // other interfaces of the same host
	Trunked   bool   `json:"trunked,omitempty"`
	Region    string `json:"region,omitempty"`
	Account   string `json:"account,omitempty"`
	Ephemeral string `json:"ephemeral,omitempty"` // range of source ports
	Kind      string `json:"kind,omitempty"`      // kind of a load balancer
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
	Error      string   `json:"error,omitempty"` // why the rule could not be decoded
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
