package hostports

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"muster/internal/host/dockerapi"
	"muster/reach"
	"muster/test/ec2json"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The tasks of an instance as listed by its agent: one in awsvpc mode with containers c1 and c2 behind the pause
// container c0, and one in bridge mode.
const awsvpcTask = `{"Arn":"arn:aws:ecs:eu-central-1:123456789012:task/prod/0f1e","DesiredStatus":"RUNNING","KnownStatus":"RUNNING",
	"Family":"grid","Version":"7","Containers":[
	{"DockerId":"c1","DockerName":"ecs-grid-7-node-d6b5","Name":"node","Image":"grid:7","ImageID":"sha256:9ae1",
	"Ports":[{"ContainerPort":47500,"Protocol":"tcp","HostPort":47500}],
		"Networks":[{"NetworkMode":"awsvpc","IPv4Addresses":["10.0.3.9"]}]},
	{"DockerId":"c2","DockerName":"ecs-grid-7-log-e7c6","Name":"log","Networks":[{"NetworkMode":"awsvpc","IPv4Addresses":["10.0.3.9"]}]}]}`

const bridgeTask = `{"Arn":"arn:aws:ecs:eu-central-1:123456789012:task/prod/77aa","DesiredStatus":"RUNNING","KnownStatus":"RUNNING",
	"Family":"web","Version":"3","Containers":[
	{"DockerId":"c0","DockerName":"ecs-web-3-web-aa","Name":"web",
	"Ports":[{"ContainerPort":8080,"Protocol":"tcp","HostPort":32768,"HostIp":"0.0.0.0"}]}]}`

func pause(n int) string {
	return container(n, "ecs-grid-7-internalecspause-c8a1", "none", "~internal~ecs~pause", "", "", "")
}

func joiner(n int, name string) string { return container(n, name, "container:c0", name, "", "", "") }

// row is a host with one mistake, and the expected result.
type row struct {
	scene
	needs    string // empty means ignite2
	want     []string
	evidence []string // of the first finding
	remedy   string   // part of it
	found    []string // listeners: "container bound -> at"
}

// rows returns the rows of "Containers in the way", then similar cases that must be distinguished.
func rows() map[string]row {
	nodePorts := []string{"tcp [::]:47500", "tcp [::]:47100"}
	return map[string]row{
		"bridge mode: the node announces 172.17.x": {
			scene: scene{
				self:       "10.0.1.5",
				host:       []string{"tcp 0.0.0.0:47500", "tcp [::]:47500", "tcp 0.0.0.0:47100", "tcp [::]:47100"},
				docker0:    true,
				docker:     []string{static(0, "node", 47500, 47100)},
				containers: map[string][]string{"100": nodePorts},
			},
			want:     []string{"bridge-address-announced?"},
			remedy:   "AddressResolver",
			evidence: []string{"in container node", "172.17.0.2", "tcp [::]:47500", "tcp [::]:47100"},
			found:    []string{"node [::]:47500 -> 10.0.1.5:47500", "node [::]:47100 -> 10.0.1.5:47100"},
		},
		"bridge and hostPort 0 for cluster ports": {
			scene: scene{
				host:       []string{"tcp 0.0.0.0:32768"},
				containers: map[string][]string{"100": {"tcp 0.0.0.0:47500"}},
				docker: []string{
					container(
						0,
						"node",
						"bridge",
						"node",
						`"47500/tcp":[{"HostIp":"","HostPort":"0"}]`,
						`"47500/tcp":[{"HostIp":"0.0.0.0","HostPort":"32768"}]`,
						"172.17.0.2",
					),
				},
			},
			needs: "tcp/47500-47599", want: []string{"bridge-address-announced?", "other-host-port"}, remedy: "static hostPort",
			evidence: []string{"tcp 47500 is published at 0.0.0.0:32768, a port that Docker chose"},
			found:    []string{"node 0.0.0.0:47500 -> 0.0.0.0:32768"},
		},
		"host mode binds docker0 too": {
			scene: scene{
				self:    "10.0.1.5",
				host:    nodePorts,
				docker0: true,
				docker:  []string{container(0, "node", "host", "node", "", "", "")},
			},
			want:     []string{"docker0-announced?"},
			remedy:   "localHost",
			evidence: []string{"on the host", "docker0 exists", "tcp [::]:47500", "tcp [::]:47100"},
			found:    []string{" [::]:47500 -> 10.0.1.5:47500", " [::]:47100 -> 10.0.1.5:47100"},
		},
		"second task on a host sits at 47501": {
			scene: scene{
				host:    []string{"tcp 10.0.1.5:47500", "tcp 10.0.1.5:47501", "tcp 10.0.1.5:47100", "tcp 10.0.1.5:47101"},
				docker0: true,
			},
			want:     []string{"listener-beyond-first-port", "listener-beyond-first-port"},
			remedy:   "47500..47509",
			evidence: []string{"tcp 47500-47599 (ignite2 discovery): listeners at 47501"},
			found: []string{" 10.0.1.5:47500 -> 10.0.1.5:47500", " 10.0.1.5:47501 -> 10.0.1.5:47501",
				" 10.0.1.5:47100 -> 10.0.1.5:47100", " 10.0.1.5:47101 -> 10.0.1.5:47101"},
		},
		"default multicast finder": {
			scene: scene{host: []string{"tcp 10.0.1.5:47500", "udp 0.0.0.0:47400", "igmp 228.1.2.4"}}, needs: "tcp/47500",
			want: []string{"multicast-finder"}, remedy: "TcpDiscoveryS3IpFinder",
			evidence: []string{"on the host", "group 228.1.2.4 is joined", "udp 0.0.0.0:47400 is open"},
			found:    []string{" 10.0.1.5:47500 -> 10.0.1.5:47500"},
		},
		"Tomcat's multicast membership, in a container": {
			scene: scene{
				docker:     []string{static(0, "web", 4000)},
				containers: map[string][]string{"100": {"tcp 172.17.0.2:4000", "igmp 228.0.0.4"}},
			},
			needs:    "tcp/4000",
			want:     []string{"multicast-finder", "bridge-address-announced?"},
			remedy:   "StaticMembershipService",
			evidence: []string{"in container web: group 228.0.0.4 is joined"},
			found:    []string{"web 172.17.0.2:4000 -> 0.0.0.0:4000 [::]:4000"},
		},
		"v6-only listener among v4 peers": {
			scene: scene{self: "10.0.1.5", host: []string{"tcp [fd00::5]:47500", "tcp [::ffff:10.0.1.5]:47100"}},
			want:  []string{"v6-only-listener"}, remedy: "-Djava.net.preferIPv4Stack=true",
			evidence: []string{"on the host: tcp [fd00::5]:47500"},
			found:    []string{" [fd00::5]:47500 -> ", " 10.0.1.5:47100 -> 10.0.1.5:47100"},
		},
		"published on 127.0.0.1": {
			scene: scene{
				host:       []string{"tcp 127.0.0.1:47500"},
				containers: map[string][]string{"100": {"tcp 0.0.0.0:47500"}},
				docker: []string{
					container(
						0,
						"node",
						"bridge",
						"node",
						`"47500/tcp":[{"HostIp":"127.0.0.1","HostPort":"47500"}]`,
						`"47500/tcp":[{"HostIp":"127.0.0.1","HostPort":"47500"}]`,
						"172.17.0.2",
					),
				},
			},
			needs: "tcp/47500", want: []string{"bridge-address-announced?", "published-on-other-address"}, remedy: "portMappings",
			evidence: []string{"in container node: tcp 47500 is published at 127.0.0.1:47500"},
			found:    []string{"node 0.0.0.0:47500 -> "},
		},
		"not published at all": {
			scene: scene{
				docker:     []string{static(0, "node", 8080)},
				containers: map[string][]string{"100": {"tcp 0.0.0.0:8080", "tcp 0.0.0.0:47500"}},
			},
			needs:    "tcp/47500",
			want:     []string{"bridge-address-announced?", "port-not-published"},
			remedy:   "portMappings",
			evidence: []string{"in container node: not published: tcp 0.0.0.0:47500"},
			found:    []string{"node 0.0.0.0:47500 -> "},
		},
		"awsvpc task: found at its own interface": {
			scene: scene{
				self:       "10.0.1.5",
				docker:     []string{pause(0), joiner(1, "ecs-grid-7-node-d6b5"), joiner(2, "ecs-grid-7-log-e7c6")},
				tasks:      awsvpcTask,
				docker0:    true,
				containers: map[string][]string{"100": nodePorts},
			},
			found: []string{
				"ecs-grid-7-node-d6b5, ecs-grid-7-log-e7c6 [::]:47500 -> 10.0.3.9:47500",
				"ecs-grid-7-node-d6b5, ecs-grid-7-log-e7c6 [::]:47100 -> 10.0.3.9:47100",
			},
		},
		"bridge mode behind a pause container (Service Connect)": {
			scene: scene{self: "10.0.1.5", docker: []string{
				container(
					0,
					"ecs-grid-7-internalecspause-node-c8",
					"bridge",
					"~internal~ecs~pause-node",
					"",
					`"47500/tcp":[{"HostIp":"0.0.0.0","HostPort":"47500"}]`,
					"172.17.0.2",
				),
				joiner(1, "node"),
			},
				containers: map[string][]string{"100": {"tcp 0.0.0.0:47500"}}},
			needs: "tcp/47500", want: []string{"bridge-address-announced?"}, found: []string{"node 0.0.0.0:47500 -> 10.0.1.5:47500"},
		},
		"nothing listens": {
			scene:    scene{self: "10.0.1.5", host: []string{"tcp 0.0.0.0:8080", "udp 0.0.0.0:47500"}},
			needs:    "tcp/47500-47599,udp/47500",
			want:     []string{"no-listener"},
			evidence: []string{"tcp 47500-47599: no socket on the host or in 0 containers"},
			found:    []string{" 0.0.0.0:47500 -> 10.0.1.5:47500"},
		},
		"Docker accepts connections, the container does not": {
			scene: scene{
				host:       []string{"tcp 0.0.0.0:47500", "tcp [::]:47500"},
				docker:     []string{static(0, "node", 47500)},
				containers: map[string][]string{"100": nil},
			},
			needs:    "tcp/47500",
			want:     []string{"no-listener"},
			evidence: []string{"no socket on the host or in 1 container", "in container node: tcp 47500 is published at 0.0.0.0:47500"},
		},
		"bound to loopback on the host": {
			scene: scene{
				self: "10.0.1.5",
				host: []string{"tcp 127.0.0.1:2379", "tcp [::1]:2379", "tcp 127.0.0.1:2380", "tcp 10.0.1.5:2380"},
			},
			needs: "tcp/2379,tcp/2380",
			want: []string{
				"listener-on-other-address",
			},
			evidence: []string{"on the host: peers dial 10.0.1.5; the server listens on tcp 127.0.0.1:2379, tcp [::1]:2379"},
			found:    []string{" 127.0.0.1:2379 -> ", " [::1]:2379 -> ", " 127.0.0.1:2380 -> ", " 10.0.1.5:2380 -> 10.0.1.5:2380"},
		},
		"bound to loopback in the container": {
			scene: scene{
				docker:     []string{static(0, "node", 47500)},
				containers: map[string][]string{"100": {"tcp 127.0.0.1:47500"}},
			},
			needs: "tcp/47500",
			want:  []string{"bridge-address-announced?", "listener-on-other-address"},
			found: []string{"node 127.0.0.1:47500 -> "},
		},
		"bound to an address that is not evaluated": {
			scene: scene{self: "10.0.1.5", host: []string{"tcp 10.0.9.5:2379"}}, needs: "tcp/2379",
			want: []string{"listener-on-other-address"}, found: []string{" 10.0.9.5:2379 -> "},
		},
		"IPv6 peers": {
			scene: scene{
				self: "fd00::5",
				host: []string{"tcp [::]:2379", "tcp [fd00::5]:2380", "tcp 0.0.0.0:2381"},
			},
			needs:    "tcp/2379-2381",
			want:     []string{"listener-on-other-address"},
			evidence: []string{"fd00::5; the server listens on tcp 0.0.0.0:2381"},
			found:    []string{" 0.0.0.0:2381 -> ", " [::]:2379 -> [fd00::5]:2379", " [fd00::5]:2380 -> [fd00::5]:2380"},
		},
		"a static host port that is not the container's": {
			scene: scene{
				docker: []string{
					container(
						0,
						"node",
						"bridge",
						"node",
						`"47500/tcp":[{"HostPort":"8500"}]`,
						`"47500/tcp":[{"HostIp":"0.0.0.0","HostPort":"8500"}]`,
						"172.17.0.2",
					),
				},
				containers: map[string][]string{"100": nil},
			},
			needs:    "tcp/47500",
			want:     []string{"other-host-port", "no-listener"},
			evidence: []string{"tcp 47500 is published at 0.0.0.0:8500"},
		},
		"a host port of the range, from another port of the container": {
			scene: scene{
				docker: []string{
					container(
						0,
						"web",
						"bridge",
						"web",
						`"80/tcp":[{"HostPort":"47500"}]`,
						`"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"47500"}]`,
						"172.17.0.2",
					),
				},
				containers: map[string][]string{"100": {"tcp 0.0.0.0:80"}},
			},
			needs: "tcp/47500",
			found: []string{"web 0.0.0.0:80 -> 0.0.0.0:47500"},
		},
		"published twice, once correctly": {
			scene: scene{docker: []string{
				container(
					0,
					"node",
					"bridge",
					"node",
					`"2380/tcp":[{"HostPort":"2380"}]`,
					`"2380/tcp":[{"HostIp":"127.0.0.1","HostPort":"2380"},{"HostIp":"0.0.0.0","HostPort":"9999"},{"HostIp":"10.0.1.5","HostPort":"2380"}]`,
					"172.17.0.2",
				),
			},
				containers: map[string][]string{"100": {"tcp 0.0.0.0:2380"}}},
			needs: "tcp/2380",
			want:  []string{"bridge-address-announced?"},
			found: []string{"node 0.0.0.0:2380 -> 0.0.0.0:9999 10.0.1.5:2380"},
		},
		"udp published, tcp not": {
			scene: scene{
				docker: []string{
					container(0, "node", "bridge", "node", "", `"7946/udp":[{"HostIp":"0.0.0.0","HostPort":"7946"}]`, "172.17.0.2"),
				},
				containers: map[string][]string{"100": {"tcp 0.0.0.0:7946", "udp 0.0.0.0:7946"}},
			},
			needs: "memberlist",
			want:  []string{"bridge-address-announced?", "port-not-published"},
			found: []string{"node 0.0.0.0:7946 -> ", "node 0.0.0.0:7946 -> 0.0.0.0:7946"},
		},
		"a container without a network": {
			scene: scene{
				docker:     []string{container(0, "batch", "none", "batch", "", "", "")},
				containers: map[string][]string{"100": {"tcp 0.0.0.0:2380"}},
			},
			needs: "tcp/2380",
			found: []string{"batch 0.0.0.0:2380 -> "},
		},
		"servers other than Ignite may bind docker0": {
			scene: scene{host: []string{"tcp [::]:2379", "tcp [::]:2380"}, docker0: true}, needs: "tcp/2379,tcp/2380",
			found: []string{" [::]:2379 -> [::]:2379", " [::]:2380 -> [::]:2380"},
		},
		"localHost set, docker0 exists": {
			scene: scene{self: "10.0.1.5", host: []string{"tcp 10.0.1.5:47500"}, docker0: true}, needs: "tcp/47500",
			found: []string{" 10.0.1.5:47500 -> 10.0.1.5:47500"},
		},
		"replication ports that outgoing connections can take": {
			scene: scene{host: []string{"tcp 10.0.1.5:47500", "tcp 10.0.1.5:47100"}, also: files{reservedPorts: "8080,47150-47599\n"}},
			want:  []string{"ephemeral-overlap"},
			evidence: []string{
				"47100-47149 of net.ipv4.ip_local_port_range, 32768-60999",
			},
			remedy: "sysctl -w net.ipv4.ip_local_reserved_ports=8080,47100-47599",
			found:  []string{" 10.0.1.5:47500 -> 10.0.1.5:47500", " 10.0.1.5:47100 -> 10.0.1.5:47100"},
		},
		"outgoing connections start above the replication ports": {
			scene: scene{
				host: []string{"tcp 10.0.1.5:47500"},
				also: files{reservedPorts: "\n", "sys/net/ipv4/ip_local_port_range": "47501\t60999\n"},
			},
			needs: "tcp/47500",
			found: []string{" 10.0.1.5:47500 -> 10.0.1.5:47500"},
		},
		"an awsvpc task has its own outgoing ports": {
			scene: scene{
				self:       "10.0.1.5",
				docker:     []string{pause(0), joiner(1, "node")},
				tasks:      awsvpcTask,
				containers: map[string][]string{"100": {"tcp 0.0.0.0:47500"}},
				also:       files{reservedPorts: "\n"},
			},
			needs: "tcp/47500",
			found: []string{"node 0.0.0.0:47500 -> 10.0.3.9:47500"},
		},
		"ports from the command line have no first one": {
			scene: scene{host: []string{"tcp 0.0.0.0:9003"}}, needs: "tcp/9000-9009", found: []string{" 0.0.0.0:9003 -> 0.0.0.0:9003"},
		},
	}
}

const reservedPorts = "sys/net/ipv4/ip_local_reserved_ports"

func TestMistakesAreFound(t *testing.T) {
	for name, row := range rows() {
		t.Run(name, func(t *testing.T) {
			if row.needs == "" {
				row.needs = "ignite2"
			}
			got := row.at(t).Inspect(t.Context(), needsOf(t, row.needs))
			if len(got.Notes) > 0 {
				t.Errorf("notes: %q", got.Notes)
			}
			if diff := cmp.Diff(row.want, ids(got)); diff != "" {
				t.Errorf("%s\n%+v", diff, got.Findings)
			}
			if diff := cmp.Diff(row.found, listeners(got)); diff != "" {
				t.Error(diff)
			}
			wantWords(t, got.Findings, row.evidence, row.remedy)
		})
	}
}

// wantWords requires a finding with all the evidence and the fix.
func wantWords(t *testing.T, findings []Finding, evidence []string, remedy string) {
	t.Helper()
	if len(evidence) == 0 {
		return
	}
	if !slices.ContainsFunc(findings, func(f Finding) bool {
		return strings.Contains(f.Fix.String(), remedy) &&
			!slices.ContainsFunc(evidence, func(part string) bool { return !strings.Contains(f.Evidence, part) })
	}) {
		t.Errorf("no finding has %q and %q:\n%+v", evidence, remedy, findings)
	}
}

// ids returns the ids of the findings, with a question mark for inferred ones.
func ids(r Report) (out []string) {
	for _, f := range r.Findings {
		id := f.ID
		if f.Inferred {
			id += "?"
		}
		out = append(out, id)
	}
	return out
}

func listeners(r Report) (out []string) {
	for _, seen := range r.Needs {
		for _, l := range seen.Listeners {
			out = append(
				out,
				fmt.Sprintf("%s %s -> %s", l.Container, l.Bound, strings.ReplaceAll(list(l.At, netip.AddrPort.String), ",", "")),
			)
		}
	}
	return out
}

// An unreadable source must not be reported as "no listener", or hide the other sources.
func TestUnreadSourcesAreNotes(t *testing.T) {
	there := scene{
		host:       []string{"tcp 0.0.0.0:2380"},
		docker:     []string{static(0, "node", 8080)},
		containers: map[string][]string{"100": nil},
	}
	for name, test := range map[string]struct {
		change   func(*scene)
		note     string
		complete bool
	}{
		"no problem": {func(*scene) {}, "", true},
		"IPv6 is off": {func(s *scene) { s.also = files{"net/tcp6": "-", "net/udp6": "-", "100/net/tcp6": "-"} }, "",
			true},
		"multicast is off": {func(s *scene) { s.also = files{"net/igmp": "-"} }, "", true},
		"no tcp":           {func(s *scene) { s.also = files{"net/tcp": "-"} }, "net/tcp: no such file", false},
		"no udp":           {func(s *scene) { s.also = files{"net/udp": "-"} }, "net/udp: no such file", false},
		"tcp is empty":     {func(s *scene) { s.also = files{"net/tcp": ""} }, `net/tcp: it does not start with "sl"`, false},
		"tcp6 is truncated": {func(s *scene) { s.also = files{"net/tcp6": tcp6Header + "   0: 0000\n"} }, "net/tcp6: line",
			false},
		"udp6 is invalid": {func(s *scene) { s.also = files{"net/udp6": tcp6Header + "0: zz:1 zz:0 07\n"} },
			"net/udp6: line", false},
		"igmp is invalid": {func(s *scene) { s.also = files{"net/igmp": igmpHeader + "\tzz 1\n"} }, "net/igmp: line", false},
		"the container's process has exited": {func(s *scene) { s.also = files{"100/net/tcp": "-", "100/net/udp": "-"} },
			"100/net/tcp: no such file", false},
		"the container's process is not known": {func(s *scene) { s.docker[0] = strings.Replace(s.docker[0], `"Pid":100`, `"Pid":0`, 1) },
			"container node", false},
		"Docker fails":    {func(s *scene) { s.docker = []string{"down"} }, "listing the containers", false},
		"the agent fails": {func(s *scene) { s.tasks = "down" }, "/v1/tasks", true},
		"no port range": {func(s *scene) { s.also = files{"sys/net/ipv4/ip_local_port_range": "-"} },
			"ip_local_port_range: no such file", true},
		"an invalid port range": {func(s *scene) { s.also = files{"sys/net/ipv4/ip_local_port_range": "70000 80000\n"} }, "70000",
			true},
		"no reserved ports": {func(s *scene) { s.also = files{reservedPorts: "-"} }, "ip_local_reserved_ports: no such file",
			true},
		"invalid reserved ports": {func(s *scene) { s.also = files{reservedPorts: "8080,x\n"} }, `port "x" is not a number`, true},
		"no interfaces":          {func(s *scene) { s.also = files{"net/dev": "-"} }, "net/dev: no such file", true},
	} {
		t.Run(name, func(t *testing.T) {
			scene := there
			scene.docker = slices.Clone(there.docker)
			test.change(&scene)
			got := scene.at(t).Inspect(t.Context(), needsOf(t, "tcp/2379,tcp/2380"))
			notes := strings.Join(got.Notes, "\n")
			if (test.note == "") != (notes == "") || !strings.Contains(notes, test.note) {
				t.Errorf("notes: %s", notes)
			}
			for _, seen := range got.Needs {
				if seen.Complete != test.complete {
					t.Errorf("complete is %v", seen.Complete)
				}
			}
			if silent := slices.Contains(ids(got), "no-listener"); silent != test.complete {
				t.Errorf("findings: %q", ids(got))
			}
			if name != "no tcp" && name != "tcp is empty" && !slices.Contains(listeners(got), " 0.0.0.0:2380 -> 0.0.0.0:2380") {
				t.Errorf("the listener is missing: %q", listeners(got))
			}
		})
	}
}

func TestSocketsOfDockerWithoutDocker(t *testing.T) {
	s := scene{host: []string{"tcp 0.0.0.0:47500"}, docker0: true, docker: []string{"down"}}
	if got := s.at(t).Inspect(t.Context(), needsOf(t, "tcp/47500")); len(got.Findings) > 0 || len(got.Notes) != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestHostWithoutDockerAndAgent(t *testing.T) {
	h := scene{host: []string{"tcp 0.0.0.0:47500"}, docker0: true}.at(t)
	h.Docker, h.Agent = nil, nil
	got := h.Inspect(t.Context(), needsOf(t, "tcp/47500"))
	if diff := cmp.Diff([]string{"docker0-announced?"}, ids(got)); diff != "" || len(got.Notes) > 0 || !got.Needs[0].Complete {
		t.Errorf("got %+v", got)
	}
}

func TestSourceErrorsAreNotes(t *testing.T) {
	h := scene{}.at(t)
	h.Docker = brokenDocker{}
	got := h.Inspect(t.Context(), needsOf(t, "tcp/47500"))
	if diff := cmp.Diff([]string{"could not check: permission to ask Docker is missing"}, got.Notes); diff != "" {
		t.Error(diff)
	}
}

type brokenDocker struct{}

func (brokenDocker) Containers(context.Context) ([]dockerapi.Container, error) {
	return nil, errors.New("permission to ask Docker is missing")
}

func TestPortsAreThoseOfLocalListeners(t *testing.T) {
	s := scene{
		self:   "10.0.1.5",
		docker: []string{container(0, "node", "bridge", "node", "", `"47500/tcp":[{"HostIp":"0.0.0.0","HostPort":"47503"}]`, "172.17.0.2")},
		host: []string{
			"tcp [::]:47501",
			"tcp 127.0.0.1:47502",
			"tcp [::]:8080",
		},
		containers: map[string][]string{"100": {"tcp 0.0.0.0:47500"}},
	}
	got := s.at(t).Inspect(t.Context(), needsOf(t, "ignite2"))
	if ports := got.Needs[0].Ports(); ports.String() != "47501,47503" {
		t.Errorf("got %s", ports)
	}
	if ports := got.Needs[1].Ports(); len(ports) > 0 {
		t.Errorf("got %s", ports)
	}
}

// The row "load-balancer range hard-coded": the required range follows from the kernel's range, and reach names the
// ports missing in the group.
func TestHardCodedLoadBalancerRange(t *testing.T) {
	s := scene{also: files{"sys/net/ipv4/ip_local_port_range": "1025\t65000\n"}, host: []string{"tcp 0.0.0.0:40000"}}
	got := s.at(t).Inspect(t.Context(), nil)
	need := reach.BalancerNeed(got.Ephemeral)
	groups, err := ec2json.ParseGroups(
		[]byte(
			`{"SecurityGroups":[{"GroupId":"sg-node",
				"IpPermissions":[{"IpProtocol":"tcp","FromPort":32768,"ToPort":60999,"UserIdGroupPairs":[{"GroupId":"sg-lb"}]}]},
		{"GroupId":"sg-lb","IpPermissionsEgress":[{"IpProtocol":"-1","IpRanges":[{"CidrIp":"0.0.0.0/0"}]}]}]}`,
		),
	)
	if err != nil {
		t.Fatal(err)
	}
	end := func(name, addr, group string) reach.Endpoint {
		return reach.Endpoint{
			Name: name,
			ENI:  reach.ENI{ID: "eni-" + name, Addrs: []netip.Addr{netip.MustParseAddr(addr)}, Groups: []string{group}, Subnet: "subnet-1"},
		}
	}
	verdict := reach.NewJudge(reach.World{Groups: groups}).
		Evaluate(end("lb", "10.0.1.9", "sg-lb"), end("node", "10.0.1.5", "sg-node"), need)
	if missing := verdict.Missing.String(); verdict.Status != reach.Missing || missing != "1025-32767,61000-65000" {
		t.Errorf("got %s %s", verdict.Status, missing)
	}
	// The clients of a load balancer use any port.
	if again := s.at(t).Inspect(t.Context(), []reach.Need{need}); len(again.Findings) > 0 || len(again.Needs[0].Listeners) != 1 {
		t.Errorf("got %+v", again)
	}
}

// The row "awsvpc task, instance's group edited": the listener is at the task's address, so reach evaluates the task's
// network interface.
func TestAwsvpcListenerSelectsTheTaskInterface(t *testing.T) {
	s := scene{
		self:       "10.0.1.5",
		docker:     []string{pause(0), joiner(1, "node")},
		tasks:      awsvpcTask + "," + bridgeTask,
		containers: map[string][]string{"100": {"tcp [::]:47500"}},
	}
	got := s.at(t).Inspect(t.Context(), needsOf(t, "tcp/47500"))
	eni := func(id, addr string) reach.ENI {
		return reach.ENI{ID: id, Addrs: []netip.Addr{netip.MustParseAddr(addr)}}
	}
	end, err := reach.EndpointAt(
		"node",
		got.Needs[0].Listeners[0].At[0].Addr(),
		[]reach.ENI{eni("eni-instance", "10.0.1.5"), eni("eni-task", "10.0.3.9")},
	)
	if err != nil || end.ID != "eni-task" {
		t.Errorf("got %s, %v", end.ID, err)
	}
}

// Without the ECS agent, an awsvpc task looks like a container without a network. It may have its own network interface,
// so it gets no finding.
func TestAwsvpcTaskWithoutTheAgentHasNoFindings(t *testing.T) {
	s := scene{
		docker:     []string{pause(0), joiner(1, "node")},
		tasks:      "down",
		containers: map[string][]string{"100": {"tcp 127.0.0.1:47500"}},
	}
	got := s.at(t).Inspect(t.Context(), needsOf(t, "tcp/47500"))
	if diff := cmp.Diff([]string{"node 127.0.0.1:47500 -> "}, listeners(got)); diff != "" || len(got.Findings) > 0 || len(got.Notes) != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestContainerSharingAnUnlistedNamespace(t *testing.T) {
	s := scene{
		docker:     []string{container(0, "app", "container:gone", "app", "", "", "")},
		containers: map[string][]string{"100": {"tcp 0.0.0.0:47500"}},
	}
	if diff := cmp.Diff([]string{"app 0.0.0.0:47500 -> "}, listeners(s.at(t).Inspect(t.Context(), needsOf(t, "tcp/47500")))); diff != "" {
		t.Error(diff)
	}
}

func TestFindingsAreComplete(t *testing.T) {
	for name, row := range rows() {
		if row.needs == "" {
			row.needs = "ignite2"
		}
		for _, f := range row.at(t).Inspect(t.Context(), needsOf(t, row.needs)).Findings {
			if f.ID == "" || f.Summary == "" || f.Evidence == "" || f.Fix.IsZero() || strings.ContainsAny(f.ID, " _") {
				t.Errorf("%s: %+v", name, f)
			}
			if strings.Contains(fmt.Sprint(f), "hunter2") {
				t.Errorf("%s: a secret got out", name)
			}
		}
	}
}
