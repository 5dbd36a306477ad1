//go:build linux

package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"muster/test/field/fieldcase"
)

// imdsResponseRows covers responses of the instance metadata service with wrong, hostile or too much content.
var imdsResponseRows = []row{
	{name: "imds/garbage", command: "bootstrap", takes: 5 * time.Second, with: fresh,
		inject: "a captive portal returns 200 with HTML for every request",
		must:   "exit 3; nothing is written",
		play: func(r *rig) {
			r.Metadata.Use(answers(200, html, portal))
			r.run(bootstrap + " --imds-timeout 3s").exits(3)
			r.untouched()
		}},
	{name: "imds/redirect", command: "bootstrap", takes: 5 * time.Second, with: fresh,
		inject: "every request is redirected to another server",
		must:   "the redirect is not followed, no token is forwarded; exit 3 reports a redirect",
		play: func(r *rig) {
			t := r.trap()
			r.Metadata.Use(redirect)
			p := r.run(bootstrap + " --imds-timeout 3s")
			p.exits(3)
			p.says(0, "redirect")
			r.want(t.hits.Load() == 0, "the redirect was followed")
			r.untouched()
		}},
	{name: "imds/redirect-document", command: "agent", takes: 8 * time.Second,
		inject: "token requests succeed, but all others are redirected to another server",
		must:   "the token is not forwarded; status exits 1",
		play: func(r *rig) {
			t := r.trap()
			r.Metadata.Use(at("/latest/dynamic", redirect))
			a := r.agent(how{})
			r.status(10*time.Second, []int{1}, "instance metadata")
			a.stop()
			r.want(t.hits.Load() == 0, "the redirect was followed")
		}},
	{name: "imds/token-empty", command: "bootstrap", takes: 15 * time.Second, with: fresh,
		inject: "the token is empty three times",
		must:   "it retries and joins the cluster, exit 0",
		play: func(r *rig) {
			r.Metadata.Use(at("/latest/api/token", first(3, answers(200, "text/plain", ""))))
			r.run(bootstrap).exits(0)
			r.joins()
		}},
	{name: "imds/token-long", command: "bootstrap", takes: 8 * time.Second, with: fresh,
		inject: "the token has 64 MB and contains newlines",
		must:   "exit 3 within the time limit and 64 MB; nothing is written",
		play: func(r *rig) {
			r.Metadata.Use(at("/api/token", answers(200, "text/plain", strings.Repeat("x\r\n", 64<<20/3))))
			p := r.start(bootstrap+" --imds-timeout 4s", how{})
			wait(2 * time.Second)
			if p.running() {
				p.fits()
			}
			p.wait(commandLimit)
			p.exits(3)
			p.within(20 * time.Second)
			r.untouched()
		}},
	{name: "imds/gzip", command: "bootstrap", takes: 20 * time.Second, with: fresh,
		inject: "the identity document is a gzip bomb",
		must:   "exit 3 within the time limit and 128 MB; nothing is written",
		play: func(r *rig) {
			r.Metadata.Use(at("/latest/dynamic", gzipBomb))
			p := r.start(bootstrap+" --imds-timeout 4s", how{})
			p.fitsFor(40 * time.Second)
			p.exits(3)
			r.untouched()
		}},
	{name: "imds/early-hints", command: "bootstrap", takes: 10 * time.Second, with: fresh,
		inject: "endless interim responses (103)",
		must:   "exit 3 within the time limit and 128 MB; nothing is written",
		play: func(r *rig) {
			r.Metadata.Use(earlyHints)
			p := r.start(bootstrap+" --imds-timeout 4s", how{})
			p.fitsFor(30 * time.Second)
			p.exits(3)
			r.untouched()
		}},
	{name: "imds/long-head", command: "bootstrap", takes: 10 * time.Second, with: fresh,
		inject: "the response has endless headers",
		must:   "exit 3 within the time limit and 128 MB; nothing is written",
		play: func(r *rig) {
			r.Metadata.Use(longHead)
			p := r.start(bootstrap+" --imds-timeout 4s", how{})
			p.fitsFor(30 * time.Second)
			p.exits(3)
			r.untouched()
		}},
	{name: "imds/no-region", command: "bootstrap", takes: 5 * time.Second, with: fresh,
		inject: "the identity document has no region",
		must:   "exit 3; nothing is written",
		play: func(r *rig) {
			r.Metadata.Use(at("/document", answers(200, "text/plain", `{"instanceId": "`+instanceID+`"}`)))
			r.run(bootstrap + " --imds-timeout 3s").exits(3)
			r.untouched()
		}},
	{name: "imds/region-host", command: "bootstrap", takes: 8 * time.Second, with: fresh,
		inject: "the region in the identity document is a host and a path",
		must:   "no request is sent to that host; exit 3; nothing is written",
		play: func(r *rig) {
			t := r.trap()
			var document map[string]any
			r.broken(json.Unmarshal([]byte(r.Sandbox().IdentityDocument()), &document))
			document["region"] = trapHost + "/x?"
			text, _ := json.Marshal(document)
			r.Metadata.Use(at("/document", answers(200, "text/plain", string(text))))
			r.run(bootstrap + " --imds-timeout 4s").exits(3)
			r.untouched()
			r.want(t.hits.Load() == 0, "a request went to the host")
		}},
	{name: "imds/another-instance", command: "agent", takes: 8 * time.Second,
		inject: "the disk was copied from an instance on which bootstrap ran (a baked image)",
		must:   "the copied record is not used: nothing is published for its cluster, and status names the record",
		play: func(r *rig) {
			r.run(bootstrap).exits(0)
			var document map[string]any
			r.broken(json.Unmarshal([]byte(r.Sandbox().IdentityDocument()), &document))
			document["instanceId"] = "i-0bbbbbbbbbbbbbbbb"
			text, _ := json.Marshal(document)
			r.Metadata.Use(at("/document", answers(200, "text/plain", string(text))))
			r.introspection.Shut()
			a := r.start("agent", how{env: []string{"NOTIFY_SOCKET=" + notifySocket}})
			r.status(15*time.Second, []int{1}, "record of bootstrap", "i-0bbbbbbbbbbbbbbbb")
			a.stop()
			r.want(r.sends("Registered")+r.sends("DockerReachable") == 0, "it published for the cluster of another instance")
		}},
	{name: "imds/tag-line", command: "bootstrap", takes: 10 * time.Second,
		inject: "the group's tag that names the cluster contains a newline and a setting",
		must:   "no line is added to ecs.config; it exits with an error",
		with: both(tagged, func(c *fieldcase.Case) {
			c.Instance.Group.Tags["muster:cluster"] = "prod\nECS_ENABLE_TASK_IAM_ROLE=false"
		}),
		play: func(r *rig) {
			p := r.run("bootstrap")
			r.want(p.Code() != 0, "exit 0")
			r.want(!strings.Contains(r.read(ecsConfig), "TASK_IAM_ROLE"), "a setting was added: %q", r.read(ecsConfig))
		}},
	{name: "imds/agent-document-404", command: "agent", takes: 40 * time.Second,
		inject: "the identity document returns 404 for 8 s",
		must:   "status exits 1; then it publishes",
		play: func(r *rig) {
			r.Metadata.Use(at("/latest/dynamic", answers(404, html, "404 - Not Found")))
			a := r.agentEarly(how{})
			r.status(15*time.Second, []int{1})
			wait(8 * time.Second)
			r.Metadata.Use(nil)
			r.status(60*time.Second, []int{0})
			a.stop()
			r.publishes()
		}},
	{name: "imds/verify-document-404", command: "verify", takes: 20 * time.Second, with: inGroup,
		inject: "the identity document returns 404 five times",
		must:   "exit 0, signals are sent",
		play: func(r *rig) {
			r.Metadata.Use(func(behind http.Handler) http.Handler {
				return at("/latest/dynamic", first(5, answers(404, html, "404 - Not Found")))(behind)
			})
			r.run(verify + hookFlag + stackFlags).exits(0)
			r.signaled()
		}},
}

// documentRows covers an identity document that is not there yet.
func documentRows() (rows []row) {
	for _, c := range []struct {
		name, inject string
		spoil        func(http.Handler) http.Handler
	}{
		{"404", "the identity document returns 404 five times", answers(404, html, "404 - Not Found")},
		{"empty", "the identity document is empty five times", answers(200, "text/plain", "")},
		{"half", "the identity document is truncated five times, with a matching length",
			answers(200, "text/plain", `{"accountId" : "123456789012", "inst`)},
	} {
		rows = append(rows, row{name: "imds/document-" + c.name, command: "bootstrap", takes: 15 * time.Second, with: fresh,
			inject: c.inject,
			must:   "it retries and joins the cluster, exit 0",
			play: func(r *rig) {
				r.Metadata.Use(func(behind http.Handler) http.Handler { return at("/latest/dynamic", first(5, c.spoil))(behind) })
				r.run(bootstrap).exits(0)
				r.joins()
			}})
	}
	return rows
}
