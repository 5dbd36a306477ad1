//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"muster/internal/sandbox"
)

// imdsCredentialRows covers the credentials of the instance's role.
var imdsCredentialRows = []row{
	{name: "imds/credentials-late", command: "agent", takes: 3 * late,
		inject: "the role has no credentials for 8 s",
		must:   "status exits 1 and names the role; then it publishes",
		play: func(r *rig) {
			r.Metadata.Use(at(role, answers(404, "text/plain", "")))
			a := r.agent(how{})
			r.status(10*time.Second, []int{1}, "role credentials")
			wait(late)
			r.Metadata.Use(nil)
			r.status(40*time.Second, []int{0})
			a.stop()
			r.publishes()
		}},
	{name: "imds/role-failed", command: "agent", takes: 30 * time.Second,
		inject: "for 8 s, the role's document has the Code AssumeRoleUnauthorizedAccess, with status 200",
		must:   "status exits 1 and names the role; then it publishes",
		play: func(r *rig) {
			r.Metadata.Use(at(role, answers(200, inJSON, `{"Code":"AssumeRoleUnauthorizedAccess",`+
				`"Message":"EC2 cannot assume the role muster-sandbox","LastUpdated":"2026-01-01T00:00:00Z"}`)))
			a := r.agent(how{})
			r.status(15*time.Second, []int{1}, "role")
			wait(late)
			r.Metadata.Use(nil)
			r.status(60*time.Second, []int{0})
			a.stop()
			r.publishes()
		}},
	{name: "imds/credentials-expired", command: "agent", takes: 40 * time.Second,
		inject: "AWS rejects expired credentials; after 3 requests there are new ones",
		must:   "the minutes are kept and then sent once",
		play: func(r *rig) {
			old := time.Now().UTC().Add(-time.Minute).Format(time.RFC3339)
			text, _ := json.Marshal(map[string]string{"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": old, "Expiration": old,
				"AccessKeyId": "ASIAEXPIRED000000000", "SecretAccessKey": "x", "Token": "x"})
			r.Metadata.Use(at(role, first(3, answers(200, inJSON, string(text)))))
			r.Sandbox().Inject(sandbox.Fault{Service: sandbox.CloudWatch, Times: 2, Kind: sandbox.KindExpiredToken})
			r.queue(3)
			a := r.agent(sending())
			r.await(a, 60*time.Second, "the queued minutes are sent", func() bool { return r.arrived() == queuedAll })
			a.stop()
		}},
	{name: "imds/credentials-odd", command: "agent", takes: 40 * time.Second,
		inject: "the expiration of the role's credentials cannot be parsed",
		must:   "status exits 1 and names the credentials; then it publishes",
		play: func(r *rig) {
			r.Metadata.Use(at(role, expiring("soon")))
			a := r.agent(how{})
			r.status(20*time.Second, []int{1}, "credentials")
			r.Metadata.Use(nil)
			r.status(60*time.Second, []int{0})
			a.stop()
			r.publishes()
		}},
	{name: "imds/credentials-1970", command: "agent", takes: 60 * time.Second,
		inject: "the role's credentials expired in 1970, and CloudWatch rejects them",
		must:   "status shows that sending fails; then all queued minutes arrive exactly once",
		play: func(r *rig) {
			r.Metadata.Use(at(role, expiring("1970-01-01T00:00:00Z")))
			r.Sandbox().Inject(sandbox.ExpiredToken(sandbox.CloudWatch, "PutMetricData"))
			r.queue(3)
			a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
			r.status(lead+20*time.Second, []int{0, 1}, "FAILING")
			r.Metadata.Use(nil)
			r.Sandbox().ClearFaults()
			r.settled(a, 90*time.Second)
			r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
			a.stop()
		}},
	{name: "imds/role-renamed", command: "agent", inject: "the instance profile has another role", takes: 30 * time.Second,
		must: "the agent uses the new role's credentials and publishes",
		play: func(r *rig) {
			r.Metadata.Use(renamedRole)
			a := r.agent(how{})
			r.status(30*time.Second, []int{0})
			a.stop()
			r.publishes()
		}},
}

// role is the metadata path of the role's credentials.
const role = "iam/security-credentials/muster-sandbox"

// expiring returns role credentials that expire at the given time.
func expiring(at string) func(http.Handler) http.Handler {
	return answers(200, inJSON, fmt.Sprintf(
		`{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"ASIAODD","SecretAccessKey":"odd","Token":"odd","Expiration":%q}`, at))
}

// renamedRole answers for a role with another name, and for no other one.
func renamedRole(behind http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		switch path := strings.TrimSuffix(q.URL.Path, "/"); {
		case strings.HasSuffix(path, "iam/security-credentials"):
			answers(200, "text/plain", "renamed\n")(nil).ServeHTTP(w, q)
		case strings.HasSuffix(path, "/renamed"):
			q.URL.Path = strings.TrimSuffix(path, "/renamed") + "/muster-sandbox"
			behind.ServeHTTP(w, q)
		case strings.Contains(path, role):
			answers(404, html, "404 - Not Found")(nil).ServeHTTP(w, q)
		default:
			behind.ServeHTTP(w, q)
		}
	})
}
