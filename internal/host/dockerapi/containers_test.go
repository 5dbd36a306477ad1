package dockerapi

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// engineOf returns a client of an Engine that lists the containers a, b, ... Each inspection returns the next status
// and body.
func engineOf(t *testing.T, inspections ...answer) *Client {
	t.Helper()
	var list []string
	for n := range inspections {
		list = append(list, `{"Id":"`+string(rune('a'+n))+`","Names":["/x"],"State":"running"}`)
	}
	return serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		w.Header().Set("Content-Type", "application/json")
		_, path, _ := strings.Cut(r.URL.Path, "/containers/")
		name, _ := strings.CutSuffix(path, "/json")
		switch {
		case name == "json":
			io.WriteString(w, "["+strings.Join(list, ",")+"]")
		case len(name) == 1:
			w.WriteHeader(inspections[name[0]-'a'].status)
			io.WriteString(w, inspections[name[0]-'a'].body)
		}
	}))
}

type answer struct {
	status int
	body   string
}

// The output is Docker 20.10's for a container that the ECS agent started in bridge mode. One port is published as
// requested, one on a host port that Docker chose, and one is only exposed.
const bridged = `{"Id":"a1","Name":"/ecs-grid-7-node-d6b5","RestartCount":0,"Image":"sha256:9ae1",
	"State":{"Status":"running","Running":true,"Pid":17092,"StartedAt":"2026-01-02T15:04:05Z"},
	"HostConfig":{"NetworkMode":"default","PortBindings":{
		"47500/tcp":[{"HostIp":"","HostPort":"47500"}],
		"47100/tcp":[{"HostIp":"","HostPort":"0"}],"8301/udp":[{"HostIp":"127.0.0.1","HostPort":""}]}},
	"Config":{"Image":"grid:7","Env":["PASSWORD=hunter2"],"Cmd":["--secret"],"Labels":{
		"com.amazonaws.ecs.cluster":"prod","com.amazonaws.ecs.container-name":"node",
		"com.amazonaws.ecs.task-arn":"arn:aws:ecs:eu-central-1:123456789012:task/prod/0f1e",
		"com.amazonaws.ecs.task-definition-family":"grid","com.amazonaws.ecs.task-definition-version":"7",
		"maintainer":"me","com.amazonaws.ec2":"no"}},
	"NetworkSettings":{"Ports":{
		"47500/tcp":[{"HostIp":"0.0.0.0","HostPort":"47500"},{"HostIp":"::","HostPort":"47500"}],
		"47100/tcp":[{"HostIp":"0.0.0.0","HostPort":"32768"}],
		"8301/udp":[{"HostIp":"127.0.0.1","HostPort":"32769"}],"10800/tcp":null},
		"Networks":{"bridge":{"IPAMConfig":null,"NetworkID":"67b6","EndpointID":"ce76",
		"Gateway":"172.17.0.1","IPAddress":"172.17.0.2","IPPrefixLen":16,"IPv6Gateway":"",
			"GlobalIPv6Address":"","GlobalIPv6PrefixLen":0,"MacAddress":"02:42:ac:11:00:02","DriverOpts":null},
			"app":{"IPAddress":"172.18.0.5","GlobalIPv6Address":"fd00::5"},"gone":null}}}}`

const hostMode = `{"Id":"b2","Name":"/host","State":{"Pid":17592},
	"HostConfig":{"NetworkMode":"host","PortBindings":{}},"Config":{"Labels":null},
	"NetworkSettings":{"Ports":{},"Networks":{"host":{"Gateway":"","IPAddress":"","MacAddress":""}}}}`

func TestContainersAreRead(t *testing.T) {
	got, err := engineOf(t, answer{200, bridged}, answer{200, hostMode}).Containers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at, addr := netip.MustParseAddrPort, netip.MustParseAddr
	want := []Container{
		{ID: "a1", Name: "ecs-grid-7-node-d6b5", NetworkMode: "bridge", PID: 17092,
			Labels: map[string]string{
				"com.amazonaws.ecs.cluster": "prod", "com.amazonaws.ecs.container-name": "node",
				"com.amazonaws.ecs.task-arn":               "arn:aws:ecs:eu-central-1:123456789012:task/prod/0f1e",
				"com.amazonaws.ecs.task-definition-family": "grid", "com.amazonaws.ecs.task-definition-version": "7"},
			Addrs: []netip.Addr{addr("172.18.0.5"), addr("fd00::5"), addr("172.17.0.2")},
			Bindings: []Binding{
				{8301, "udp", at("127.0.0.1:32769"), true},
				{47100, "tcp", at("0.0.0.0:32768"), true},
				{47500, "tcp", at("0.0.0.0:47500"), false},
				{47500, "tcp", at("[::]:47500"), false}}},
		{ID: "b2", Name: "host", NetworkMode: "host", PID: 17592},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestBindings(t *testing.T) {
	for name, test := range map[string]struct {
		asked, published, want string
		dynamic                bool
	}{
		"all ports published (-P)": {`{}`, `[{"HostIp":"0.0.0.0","HostPort":"32770"}]`, "0.0.0.0:32770", true},
		"picked from a range": {`{"80/tcp":[{"HostPort":"8000-8010"}]}`, `[{"HostIp":"0.0.0.0","HostPort":"8003"}]`, "0.0.0.0:8003",
			true},
		"all addresses, left empty": {`{"80/tcp":[{"HostPort":"80"}]}`, `[{"HostIp":"","HostPort":"80"}]`, "0.0.0.0:80", false},
		"asked for twice by number": {`{"80/tcp":[{"HostPort":"80"},{"HostPort":"81"}]}`, `[{"HostIp":"10.0.1.5","HostPort":"81"}]`,
			"10.0.1.5:81", false},
		"not published yet":           {`{"80/tcp":[{"HostPort":"80"}]}`, `[{"HostIp":"0.0.0.0","HostPort":""}]`, "", false},
		"a host port that is no port": {`{}`, `[{"HostIp":"0.0.0.0","HostPort":"70000"}]`, "", false},
		"exposed only":                {`{}`, `null`, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			body := `{"Id":"a","State":{},"Config":{},"HostConfig":{"PortBindings":` + test.asked + `},"NetworkSettings":{"Ports":{"80/tcp":` +
				test.published + `}}}`
			got, err := engineOf(t, answer{200, body}).Containers(t.Context())
			if err != nil || len(got) != 1 {
				t.Fatalf("got %v, %v", got, err)
			}
			var want []Binding
			if test.want != "" {
				want = []Binding{{80, "tcp", netip.MustParseAddrPort(test.want), test.dynamic}}
			}
			if diff := cmp.Diff(want, got[0].Bindings, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestContainerThatEndsMeanwhileIsLeftOut(t *testing.T) {
	got, err := engineOf(t, answer{404, `{"message":"No such container: a"}`}, answer{200, hostMode}).Containers(t.Context())
	if err != nil || len(got) != 1 || got[0].ID != "b2" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestUnreadableContainerIsNoAbsentOne(t *testing.T) {
	for name, bad := range map[string]answer{
		"another server's 404": {404, "404 page not found"},
		"500":                  {500, `{"message":"layer does not exist"}`},
		"no network":           {200, `{"Id":"0","Config":{},"State":{},"HostConfig":{}}`},
		"no host config":       {200, `{"Id":"0","Config":{},"State":{},"NetworkSettings":{}}`},
		"no config":            {200, `{"Id":"0","State":{},"HostConfig":{},"NetworkSettings":{}}`},
		"port out of range":    {200, `{"Id":"0","Config":{},"State":{},"HostConfig":{},"NetworkSettings":{"Ports":{"70000/tcp":null}}}`},
		"cut off":              {200, bridged[:80]},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := engineOf(t, answer{200, hostMode}, bad).Containers(t.Context())
			if err == nil || got != nil || !strings.Contains(err.Error(), "container b ") {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestListThatFailsIsAnError(t *testing.T) {
	got, err := connect(t, "unix://"+socket(t), time.Minute).Containers(t.Context())
	if got != nil || !errors.Is(err, ErrNotRunning) {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := serve(t, &docker{status: 200, body: `{"not":"a list"}`}).Containers(t.Context()); err == nil {
		t.Errorf("got %v", got)
	}
}

func FuzzContainers(f *testing.F) {
	f.Add([]byte(bridged))
	f.Add([]byte(hostMode))
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := newClient(DefaultHost, time.Minute, roundTripper(func(r *http.Request) (*http.Response, error) {
			header := http.Header{"Api-Version": {"1.41"}, "Content-Type": {"application/json"}}
			answer := body
			if strings.HasSuffix(r.URL.Path, "/containers/json") {
				answer = []byte(`[{"Id":"a"}]`)
			}
			return &http.Response{StatusCode: 200, Header: header, Body: io.NopCloser(bytes.NewReader(answer)), Request: r}, nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Containers(t.Context())
		if err != nil && got != nil || err == nil && len(got) != 1 {
			t.Error(got, err)
		}
		for _, container := range got {
			for _, b := range container.Bindings {
				if !b.Host.IsValid() || b.Host.Port() == 0 {
					t.Errorf("%+v", b)
				}
			}
		}
	})
}
