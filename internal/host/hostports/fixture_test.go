package hostports

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"muster/internal/host/dockerapi"
	"muster/internal/host/ecsagent"
	"muster/reach"
)

// Headers of the tables, and the entries that every host has in addition to the test's sockets, as printed by Linux
// 6.18.
const (
	tcpHeader = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                         " +
		"                            \n"
	tcp6Header = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when " +
		"retrnsmt   uid  timeout inode\n"
	udpHeader = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops      " +
		"      \n"
	igmpHeader = "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n"
	igmpAll    = "1\tlo        :     1      V3\n\t\t\t\t010000E0     1 0:00000000\t\t0\n"
	devHeader  = "Inter-|   Receive                                                |  Transmit\n" +
		" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n" +
		"    lo:   85336     774    0    0    0     0          0         0    85336     774    0    0    0     0       0          0\n" +
		"  eth0: 9134222    8761    0    0    0     0          0         0  1044210    5120    0    0    0     0       0          0\n"
	devDocker0 = "docker0:       0       0    0    0    0     0          0         0        0       0    0    7    0     0       0         " +
		" 0\n"
)

// files maps paths to contents.
type files map[string]string

// netTables returns the tables of one namespace in dir, with sockets such as "tcp 0.0.0.0:47500", multicast groups, and
// other traffic that must be ignored.
func netTables(dir string, entries ...string) files {
	t := files{
		dir + "/tcp":  tcpHeader,
		dir + "/tcp6": tcp6Header,
		dir + "/udp":  udpHeader,
		dir + "/udp6": tcp6Header,
		dir + "/igmp": igmpHeader + igmpAll,
	}
	t[dir+"/tcp"] += tcpLine("10.0.1.5:47500", "10.0.2.5:51000", "01") + tcpLine("10.0.1.5:47100", "10.0.2.6:51000", "06")
	t[dir+"/tcp6"] += tcpLine("[fd00::5]:47100", "[fd00::6]:51000", "08")
	t[dir+"/udp"] += tcpLine("10.0.1.5:8301", "10.0.0.2:53", "01")
	for _, entry := range entries {
		protocol, addr, _ := strings.Cut(entry, " ")
		switch state := map[string]string{"tcp": "0A", "udp": "07"}[protocol[:3]]; protocol {
		case "igmp":
			t[dir+"/igmp"] += "2\teth0      :     2      V3\n\t\t\t\t" + hexAddr(netip.MustParseAddr(addr)) + "     1 0:00000000\t\t0\n"
		default:
			at := netip.MustParseAddrPort(addr)
			if at.Addr().Is6() {
				protocol += "6"
			}
			t[dir+"/"+protocol] += tcpLine(addr, netip.AddrPortFrom(unspecified(at.Addr()), 0).String(), state)
		}
	}
	return t
}

func unspecified(like netip.Addr) netip.Addr {
	if like.Is6() {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

func tcpLine(local, remote, state string) string {
	return fmt.Sprintf(
		"   0: %s %s %s 00000000:00000000 00:00000000 00000000     0        0 914527 1 00000000851809bf 100 0 0 10 0                    \n",
		hexPort(local),
		hexPort(remote),
		state,
	)
}

func hexPort(s string) string {
	at := netip.MustParseAddrPort(s)
	return fmt.Sprintf("%s:%04X", hexAddr(at.Addr()), at.Port())
}

func hexAddr(addr netip.Addr) string {
	b := addr.AsSlice()
	for word := b; len(word) > 0; word = word[4:] {
		binary.BigEndian.PutUint32(word, binary.NativeEndian.Uint32(word))
	}
	return strings.ToUpper(hex.EncodeToString(b))
}

// scene describes a host.
type scene struct {
	self       string
	host       []string            // sockets and groups of the host, see netTables
	containers map[string][]string // the same of containers, by process
	docker0    bool
	docker     []string // docker inspect output of the containers
	tasks      string   // tasks as listed by introspection
	also       files    // replaces generated files; "-" removes the file
	noAgent    bool
}

func (s scene) files() files {
	all := netTables("net", s.host...)
	all["net/dev"], all["sys/net/ipv4/ip_local_port_range"] = devHeader, "32768\t60999\n"
	all["sys/net/ipv4/ip_local_reserved_ports"] = "35000,47000-47999\n"
	if s.docker0 {
		all["net/dev"] += devDocker0
	}
	for pid, entries := range s.containers {
		maps.Copy(all, netTables(pid+"/net", entries...))
	}
	maps.Copy(all, s.also)
	return all
}

// at writes the scene to disk, and serves its Docker Engine and ECS agent on loopback.
func (s scene) at(t *testing.T) *Host {
	t.Helper()
	h := &Host{Proc: t.TempDir(), Docker: engine(t, s.docker...), Agent: introspection(t, s.tasks)}
	if s.self != "" {
		h.Self = netip.MustParseAddr(s.self)
	}
	if s.noAgent {
		h.Agent = nil
	}
	for name, content := range s.files() {
		path := filepath.Join(h.Proc, name)
		if content == "-" {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// engine serves containers like Docker 20.10. With "down" alone, the Engine fails.
func engine(t *testing.T, containers ...string) Docker {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		w.Header().Set("Content-Type", "application/json")
		_, path, _ := strings.Cut(r.URL.Path, "/containers/")
		switch id := strings.TrimSuffix(path, "/json"); {
		case path == "": // a ping
		case slices.Equal(containers, []string{"down"}):
			http.Error(w, `{"message":"no"}`, http.StatusInternalServerError)
		case id == "json":
			var list []string
			for n := range containers {
				list = append(list, fmt.Sprintf(`{"Id":"c%d","State":"running"}`, n))
			}
			io.WriteString(w, "["+strings.Join(list, ",")+"]")
		default:
			var n int
			fmt.Sscanf(id, "c%d", &n)
			io.WriteString(w, containers[n])
		}
	}))
	t.Cleanup(server.Close)
	client, err := dockerapi.New(strings.Replace(server.URL, "http", "tcp", 1), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func introspection(t *testing.T, tasks string) Agent {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if tasks == "down" {
			http.Error(w, "no", http.StatusInternalServerError)
			return
		}
		io.WriteString(w, `{"Tasks":[`+tasks+`]}`)
	}))
	t.Cleanup(server.Close)
	return ecsagent.NewIntrospection(server.URL, ecsagent.LocalClient(time.Minute))
}

// container returns the docker inspect output of a container with process 100+n and the id cn. Ports are as in
// HostConfig.PortBindings and NetworkSettings.Ports.
func container(n int, name, mode, label, asked, published, addr string) string {
	return fmt.Sprintf(`{"Id":"c%d","Name":"/%s","RestartCount":0,"State":{"Status":"running","Running":true,"Pid":%d},
		"HostConfig":{"NetworkMode":%q,"PortBindings":{%s}},
		"Config":{"Image":"grid:7","Env":["PASSWORD=hunter2"],
		"Labels":{"com.amazonaws.ecs.container-name":%q,"com.amazonaws.ecs.task-definition-family":"grid"}},
		"NetworkSettings":{"Ports":{%s},"Networks":{"bridge":{"Gateway":"172.17.0.1","IPAddress":%q,"IPPrefixLen":16,"GlobalIPv6Address":""}}}}`,
		n, name, 100+n, mode, asked, label, published, addr)
}

// static returns a container in bridge mode whose host ports equal its container ports.
func static(n int, name string, ports ...int) string {
	var asked, published []string
	for _, port := range ports {
		asked = append(asked, fmt.Sprintf(`"%d/tcp":[{"HostIp":"","HostPort":"%d"}]`, port, port))
		published = append(
			published,
			fmt.Sprintf(`"%d/tcp":[{"HostIp":"0.0.0.0","HostPort":"%d"},{"HostIp":"::","HostPort":"%d"}]`, port, port, port),
		)
	}
	return container(n, name, "default", "node", strings.Join(asked, ","), strings.Join(published, ","), fmt.Sprintf("172.17.0.%d", n+2))
}

func needsOf(t *testing.T, selection string) []reach.Need {
	t.Helper()
	needs, _, err := reach.ParsePorts(selection)
	if err != nil {
		t.Fatal(err)
	}
	return needs
}
