package reach

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func described(needs []Need) string {
	var out []string
	for _, n := range needs {
		out = append(out, n.Protocol.String()+" "+n.Ports.String())
	}
	return strings.Join(out, ", ")
}

// Every row of the reference's table, with its inclusive last ports.
func TestProfilesHoldTheTable(t *testing.T) {
	for selected, expected := range map[string]string{
		"ignite2":                   "tcp 47500-47599, tcp 47100-47199",
		"ignite2-compact":           "tcp 47500-47509, tcp 47100-47109",
		"ignite2+thin+rest+jetty":   "tcp 47500-47599, tcp 47100-47199, tcp 10800-10900, tcp 11211-11310, tcp 8080-8179",
		"ignite2-multicast":         "udp 47400",
		"hazelcast-multicast":       "udp 54327",
		"ignite2-legacy":            "udp 31100-31199, tcp 49112",
		"ignite3":                   "tcp 3344",
		"hazelcast":                 "tcp 5701-5800",
		"jgroups":                   "tcp 7800-7810, tcp 7900-7912",
		"infinispan":                "tcp 7800-7810, tcp 57800-57812",
		"tomcat-cluster":            "tcp 4000-4099",
		"cassandra":                 "tcp 7000",
		"cassandra+jmx+client":      "tcp 7000, tcp 7199, tcp 9042",
		"scylla:client":             "tcp 9042, tcp 19042",
		"elasticsearch":             "tcp 9300-9400",
		"redis-cluster":             "tcp 6379, tcp 16379",
		"zookeeper":                 "tcp 2888, tcp 3888",
		"etcd":                      "tcp 2380",
		"etcd:peer":                 "tcp 2380",
		"etcd:client":               "tcp 2379",
		"kafka:broker":              "tcp 9092",
		"mysql-group":               "tcp 33061, tcp 3306",
		"aerospike":                 "tcp 3001, tcp 3002",
		"ignite3:rest":              "tcp 10300, tcp 10400",
		"consul":                    "tcp 8300, tcp 8301, udp 8301",
		"memberlist":                "tcp 7946, udp 7946",
		"nats":                      "tcp 6222",
		"rabbitmq":                  "tcp 4369, tcp 25672",
		"rabbitmq+cli":              "tcp 4369, tcp 25672, tcp 35672-35682",
		"galera":                    "tcp 4444, tcp 4567, tcp 4568",
		"pekko":                     "tcp 17355",
		"akka":                      "tcp 25520",
		"kafka":                     "tcp 9092, tcp 9093",
		"mongodb":                   "tcp 27017",
		"cockroachdb":               "tcp 26257",
		"tcp/9000-9009,udp/8301":    "tcp 9000-9009, udp 8301",
		" Ignite2 , 6/80,ignite2 ":  "tcp 47500-47599, tcp 47100-47199, tcp 80",
		"ignite2+rest,ignite2+thin": "tcp 47500-47599, tcp 47100-47199, tcp 11211-11310, tcp 10800-10900",
	} {
		needs, _, err := ParsePorts(selected)
		if err != nil {
			t.Errorf("%s: %v", selected, err)
		}
		if got := described(needs); got != expected {
			t.Errorf("%s: got %s, want %s", selected, got, expected)
		}
	}
}

func TestProfilesAreWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for i, p := range Profiles() {
		if (i == 0) != (p.Name == DefaultProfile) || seen[p.Name] || strings.ToLower(p.Name) != p.Name {
			t.Errorf("profile %d, %s", i, p.Name)
		}
		seen[p.Name] = true
		if p.Source == "" {
			t.Errorf("%s has no source", p.Name)
		}
		needs := slices.Clone(p.Needs)
		for _, r := range p.Roles {
			needs = append(needs, r.Needs...)
		}
		for _, n := range needs {
			if err := n.Validate(); err != nil || n.Role == "" {
				t.Errorf("%s: %v", p.Name, err)
			}
		}
	}
}

func TestSelectingAProfileDoesNotChangeTheTable(t *testing.T) {
	for range 2 {
		if needs, _, _ := ParsePorts("ignite2+thin,ignite2"); len(needs) != 3 || needs[0].Profile != "ignite2" {
			t.Errorf("%v", needs)
		}
	}
}

func TestCollidingProfilesCauseAWarning(t *testing.T) {
	_, warnings, err := ParsePorts("ignite2+jetty,tomcat-cluster")
	if err != nil {
		t.Fatal(err)
	}
	contains(t, strings.Join(warnings, "\n"), "ignite2 Jetty REST", "tomcat-cluster HTTP connector", "tcp 8080:", "multicast")
	for selected, count := range map[string]int{
		"ignite2": 0, "ignite2+jetty": 0, "ignite2,tcp/47500": 0, "elasticsearch": 0, "consul,etcd": 0,
		"ignite2+thin,ignite3+client": 1, "jgroups,infinispan": 1, "ignite2,ignite2-compact": 2, "ignite2-multicast": 1, "hazelcast-multicast": 1,
	} {
		if _, warnings, _ := ParsePorts(selected); len(warnings) != count {
			t.Errorf("%s: %q", selected, warnings)
		}
	}
}

func TestInvalidPortsErrorSuggestsSimilarNames(t *testing.T) {
	for selected, parts := range map[string][]string{
		"":                     {"nothing selected", "ignite2"},
		"ignite2,":             {"nothing selected"},
		"ignit2":               {`"ignit2"`, "did you mean ignite2"},
		"hazelcats":            {"did you mean hazelcast?"},
		"tomcat":               {"did you mean tomcat-cluster?"},
		"whatever":             {"no such profile; known names are ignite2, ", "cockroachdb"},
		"ignite2+thni":         {`no role "thni"`, "did you mean thin?"},
		"ignite2+":             {`no role ""`, "known names are thin, rest, jetty"},
		"etcd+rest":            {`etcd has no role "rest"`, "known names are client"},
		"vault+ui":             {"vault has no optional roles"},
		"kafka:brokr":          {`kafka has no role "brokr"`, "did you mean broker?"},
		"9000-9009":            {"no protocol", "tcp/9000-9009"},
		"icmp/8":               {`"icmp" must be tcp or udp`},
		"-1/80":                {"must be tcp or udp"},
		"tcp/":                 {`port "" is not a number`},
		"tcp/0":                {"from 1 upwards"},
		"tcp/9-8":              {"above last"},
		"tcp/65536":            {"outside 0-65535"},
		"tcp/1,ignit2,udp/9-8": {"did you mean ignite2", "above last"},
	} {
		needs, _, err := ParsePorts(selected)
		if err == nil || needs != nil {
			t.Errorf("%q: %v, %v", selected, needs, err)
			continue
		}
		contains(t, err.Error(), parts...)
	}
}

func TestGossipRepliesToItsOwnPort(t *testing.T) {
	needs, _, _ := ParsePorts("memberlist")
	w, p1, _, q := theCase(allow("udp", 7946, 7946, "10.0.0.0/16"))
	entries := []ACLEntry{allowAll(1, Ingress), allowAll(1, Egress)}
	for i := range entries {
		entries[i].Protocol, entries[i].Ports = UDP, Range{7946, 7946}
	}
	w.ACLs = []ACL{{ID: "acl", Subnets: []string{"subnet-1", "subnet-3"}, Entries: entries}}
	want(t, NewJudge(w).Evaluate(p1, q, needs[1]), "OPEN")
	want(t, NewJudge(w).Evaluate(p1, q, need(UDP, 7946, 7946)), "BLOCKED 7946 at return path")
}

// The page must contain every profile, role and port, because users select from it.
func TestTheGuideHoldsTheTable(t *testing.T) {
	text, err := os.ReadFile("../docs/reference/ports.md")
	if err != nil {
		t.Fatal(err)
	}
	guide := string(text)
	for _, p := range Profiles() {
		contains(t, guide, "`"+p.Name+"`")
		for _, n := range p.Needs {
			contains(t, guide, n.Ports.String())
		}
		for _, r := range p.Roles {
			contains(t, guide, "+"+r.Name+"`", r.Needs[0].Ports.String())
		}
	}
	for s := Open; s <= Blocked; s++ {
		contains(t, guide, "| "+s.String()+" |")
	}
	for h := SourceEgress; h <= ReturnPath; h++ {
		contains(t, guide, "| "+h.String()+" |")
	}
}

func FuzzParsePorts(f *testing.F) {
	for _, seed := range []string{"ignite2,tomcat-cluster,tcp/9000-9009,udp/8301", "ignite2+rest+jetty", "tcp/9-8", "ignit2", ",", "6/1",
		"++/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		needs, _, err := ParsePorts(s)
		if (err == nil) != (len(needs) > 0) {
			t.Errorf("%d needs, error %v", len(needs), err)
		}
		for _, n := range needs {
			if err := n.Validate(); err != nil {
				t.Error(err)
			}
		}
	})
}
