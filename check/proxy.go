package check

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"muster/internal/ecsconfig"
	"muster/internal/fix"
	"muster/internal/netpath"
	"muster/internal/redact"
	"muster/internal/units"
)

// proxied is one place at which a proxy is set, with what it must leave out.
type proxied struct {
	whose string
	netpath.Proxy
	setAt, noAt string // file:line; noAt is empty without NO_PROXY
}

// The entries that AWS asks for (ECS developer guide, "Using an HTTP proxy for
// Amazon ECS Linux container instances").
var noProxy = []string{"169.254.169.254", "169.254.170.2", "/var/run/docker.sock"}

func (w World) proxy(context.Context) []Finding {
	var places []proxied
	var found []Finding
	for _, look := range []func() (proxied, error){w.proxyOfAgent, w.proxyOfUnit("ecs.service"), w.proxyOfUnit("docker.service")} {
		place, err := look()
		switch {
		case err != nil:
			found = append(found, CouldNotLook(err, fix.Do("run it as root"))...)
		case place.HTTP != "" || place.HTTPS != "":
			places = append(places, place)
		}
	}
	var seen []string
	for _, place := range places {
		seen = append(seen, place.String())
		found = append(found, place.judge()...)
	}
	switch {
	case len(found) > 0:
		return found
	case len(places) == 0:
		return Passed("no proxy is set")
	}
	return Passed("NO_PROXY leaves out what is local", seen...)
}

func (w World) proxyOfAgent() (proxied, error) {
	p := proxied{whose: "the ECS agent", Proxy: w.agentProxy()}
	for _, path := range w.agentConfigs() {
		file, err := w.agentConfig(path)
		if err != nil {
			return p, err
		}
		p.setAt = cmp.Or(p.setAt, lineOf(file, path, "HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"))
		p.noAt = cmp.Or(p.noAt, lineOf(file, path, "NO_PROXY", "no_proxy"))
	}
	return p, nil
}

func lineOf(file *ecsconfig.File, path string, keys ...string) string {
	for _, key := range keys {
		if n := file.Line(key); n > 0 {
			return fmt.Sprintf("%s:%d", path, n)
		}
	}
	return ""
}

func (w World) proxyOfUnit(unit string) func() (proxied, error) {
	return func() (proxied, error) {
		p := proxied{whose: unit}
		all, err := units.Environment(w.Config.Root, unit)
		for _, a := range all {
			at := fmt.Sprintf("%s:%d", a.File, a.Line)
			switch strings.ToUpper(a.Key) {
			case "HTTP_PROXY":
				p.HTTP, p.setAt = a.Value, at
			case "HTTPS_PROXY":
				p.HTTPS, p.setAt = a.Value, at
			case "NO_PROXY":
				p.No, p.noAt = a.Value, at
			}
		}
		return p, err
	}
}

// String never shows the credentials in a proxy's URL.
func (p proxied) String() string {
	text := p.setAt + ": proxy of " + p.whose
	for _, value := range slices.Compact([]string{p.HTTP, p.HTTPS}) {
		if value != "" {
			text += " " + redact.Value("HTTP_PROXY", value)
		}
	}
	if p.noAt == "" {
		return text + ", and no NO_PROXY"
	}
	return text + "; " + p.noAt + ": NO_PROXY=" + redact.Value("NO_PROXY", p.No)
}

// judge: without the metadata service the agent knows neither itself nor its
// credentials. The others are asked for by AWS, and hurt tasks at most.
func (p proxied) judge() []Finding {
	missing := slices.DeleteFunc(slices.Clone(noProxy), func(entry string) bool {
		return p.Exempts(entry) || p.whose == "docker.service" && entry == "/var/run/docker.sock"
	})
	if len(missing) == 0 {
		return nil
	}
	status := Warn
	if missing[0] == noProxy[0] && p.whose != "docker.service" {
		status = Fail
	}
	at := cmp.Or(p.noAt, p.setAt)
	line := "NO_PROXY=" + strings.Join(noProxy, ",")
	remedy := "add " + line + " to /etc/ecs/ecs.config; systemctl restart ecs"
	if service := strings.TrimSuffix(p.whose, ".service"); service != p.whose {
		remedy = "add Environment=\"" + line + "\" to " + strings.Split(at, ":")[0] + "; systemctl daemon-reload; systemctl restart " + service
	}
	return []Finding{{ID: "no-proxy-incomplete", Status: status, Evidence: []string{p.String()}, Fix: fix.Do(remedy),
		Summary: at + ": " + p.whose + " goes through a proxy also to " + strings.Join(missing, ", ")}}
}
