package dockerd

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ServeHTTP implements http.Handler.
func (e *Engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !e.waits(r.Context()) {
		return
	}
	e.mu.Lock()
	api, least := e.opts.API, e.opts.MinAPI
	e.mu.Unlock()
	w.Header().Set("Api-Version", api)
	w.Header().Set("Ostype", "linux")
	path, minor := r.URL.Path, minorOf(api)
	if version, rest, ok := strings.Cut(strings.TrimPrefix(path, "/v"), "/"); ok && strings.HasPrefix(path, "/v1.") {
		path, minor = "/"+rest, minorOf(version)
		switch {
		case minor > minorOf(api):
			refuse(w, http.StatusBadRequest, fmt.Sprintf("client version %s is too new. Maximum supported API version is %s", version, api))
			return
		case minor < minorOf(least):
			refuse(
				w,
				http.StatusBadRequest,
				fmt.Sprintf("client version %s is too old. Minimum supported API version is %s", version, least),
			)
			return
		}
	}
	e.route(w, r, path, minor)
}

func (e *Engine) route(w http.ResponseWriter, r *http.Request, path string, minor int) {
	id, inspect := strings.CutSuffix(strings.TrimPrefix(path, "/containers/"), "/json")
	switch {
	case path == "/_ping":
		e.count("ping")
	case path == "/events":
		e.count("events")
		e.serveEvents(w, r, minor)
	case path == "/containers/json":
		e.count("list")
		e.serveList(w, r.FormValue("all") == "1", minor)
	case inspect:
		e.count("inspect")
		e.serveInspect(w, id)
	default:
		refuse(w, http.StatusNotFound, "page not found")
	}
}

func (e *Engine) count(call string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls[call]++
}

// minorOf is 41 for 1.41.
func minorOf(version string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(version, "1."))
	return n
}

func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // who has left does not read it
}

type healthShape struct {
	Status        string
	FailingStreak int
}

type listShape struct {
	ID      string `json:"Id"`
	Names   []string
	Image   string
	Created int64
	Labels  map[string]string
	State   string
	Status  string
	Health  *healthShape `json:",omitempty"`
}

func (e *Engine) serveList(w http.ResponseWriter, all bool, minor int) {
	answer(w, e.listed(all, minor))
}

func (e *Engine) listed(all bool, minor int) []listShape {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := []listShape{}
	for i := len(e.ids) - 1; i >= 0; i-- { // the newest first
		c := e.containers[e.ids[i]]
		if !all && c.status != "running" {
			continue
		}
		item := listShape{
			ID:      c.id,
			Names:   []string{"/" + c.Name},
			Image:   image,
			Created: c.created.Unix(),
			Labels:  c.Labels,
			State:   c.status,
			Status:  c.text(),
		}
		if minor >= 52 {
			item.Health = &healthShape{Status: "none"}
			if c.health != "" {
				item.Health.Status = c.health
			}
		}
		out = append(out, item)
	}
	return out
}

// text is the state in words (moby container, State.String).
func (c *container) text() string {
	switch {
	case c.status == "created":
		return "Created"
	case c.status == "exited":
		return fmt.Sprintf("Exited (%d) 2 seconds ago", c.exitCode)
	case c.health == "starting":
		return "Up 2 seconds (health: starting)"
	case c.health != "":
		return "Up 2 seconds (" + c.health + ")"
	}
	return "Up 2 seconds"
}

func (e *Engine) serveInspect(w http.ResponseWriter, id string) {
	e.mu.Lock()
	c := e.containers[id]
	var shape any
	if c != nil {
		shape = c.inspected()
	}
	e.mu.Unlock()
	if c == nil {
		refuse(w, http.StatusNotFound, "No such container: "+id)
		return
	}
	answer(w, shape)
}

func (c *container) inspected() any {
	type object = map[string]any
	state := object{"Status": c.status, "Running": c.status == "running", "OOMKilled": c.oomKilled, "ExitCode": c.exitCode,
		"StartedAt": c.started.UTC().Format(time.RFC3339Nano), "FinishedAt": c.finished.UTC().Format(time.RFC3339Nano)}
	config := object{"Image": image, "Labels": c.Labels, "Env": c.Env}
	if c.Check {
		config["Healthcheck"] = object{"Test": []string{"CMD", "/subject", "probe"}}
		state["Health"] = healthShape{Status: c.health}
	}
	if c.StopSignal != "" {
		config["StopSignal"] = c.StopSignal
	}
	return object{"Id": c.id, "Name": "/" + c.Name, "Created": c.created.UTC().Format(time.RFC3339Nano), "RestartCount": c.restarts,
		"State": state, "Config": config, "HostConfig": object{"NetworkMode": "none"}, "NetworkSettings": object{"Networks": object{}}}
}
