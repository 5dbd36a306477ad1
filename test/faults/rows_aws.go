//go:build linux

package main

import (
	"fmt"
	"net"
	"strings"
	"time"

	"muster/internal/sandbox"
	"muster/test/field/fieldcase"
)

// awsRows covers the connection to AWS. A fault delays muster but does not change its result.
var awsRows = []row{
	{name: "aws/refused", command: "agent", takes: 60 * time.Second,
		inject: "all AWS endpoints refuse connections for 15 s",
		must:   "all queued minutes arrive exactly once",
		play: func(r *rig) {
			r.AWS.Shut()
			r.queue(3)
			a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
			wait(15 * time.Second)
			r.broken(r.AWS.Open())
			r.settled(a, 60*time.Second)
			r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
			a.stop()
		}},
	{name: "aws/handshake", command: "verify", takes: 60 * time.Second, with: inGroup,
		inject: "AWS accepts connections, but does not respond to TLS handshakes for 10 s",
		must:   "the signals are delivered, exit 0",
		play: func(r *rig) {
			r.AWS.Shut()
			var all []net.Listener
			for i := range 8 {
				if l, err := net.Listen("tcp", fmt.Sprintf("52.94.1.%d:443", i+1)); err == nil {
					all = append(all, l)
				}
			}
			r.in(10*time.Second, func() error {
				for _, l := range all {
					_ = l.Close()
				}
				return r.AWS.Open()
			})
			p := r.start(verify+hookFlag+stackFlags, how{})
			p.wait(100 * time.Second)
			p.exits(0)
			r.signaled()
		}},
	{name: "aws/dns-silent", command: "bootstrap", takes: 45 * time.Second,
		inject: "the name server does not respond to queries for ECS",
		must:   "it joins the cluster within 45 s although the check failed, exit 0",
		with:   both(fresh, func(c *fieldcase.Case) { c.DNS = map[string]string{"ecs.": "silence"} }),
		play: func(r *rig) {
			p := r.run(bootstrap)
			p.exits(0)
			p.within(45 * time.Second)
			r.joins()
		}},
	{name: "aws/dead-proxy", command: "bootstrap", takes: 45 * time.Second, with: fresh,
		inject: "HTTP_PROXY and HTTPS_PROXY name a proxy that does not exist, without NO_PROXY",
		must:   "it reaches the metadata service and Docker directly; it joins the cluster within 45 s although the check failed, exit 0",
		play: func(r *rig) {
			p := r.runHow(
				bootstrap,
				how{
					env: []string{
						"HTTP_PROXY=http://127.0.0.1:9",
						"HTTPS_PROXY=http://127.0.0.1:9",
						"http_proxy=http://127.0.0.1:9",
						"NO_PROXY=",
						"no_proxy=",
					},
				},
			)
			p.exits(0)
			p.within(45 * time.Second)
			r.joins()
		}},
	{name: "aws/unknown-ca", command: "agent", takes: 40 * time.Second,
		inject: "in the first run, the AWS certificates are from an unknown CA (TLS inspection)",
		must:   "the first run sends nothing and the journal names the certificate; all queued minutes arrive in the second run",
		play: func(r *rig) {
			ca := r.read("etc/pki/ca.pem")
			r.broken(r.Write("etc/pki/ca.pem", []byte("")))
			r.queue(3)
			a := r.agent(how{})
			a.stop()
			r.want(a.printed("certificate"), "the journal does not name the certificate: %s", a.stderr.String())
			r.want(r.arrived() == 0, "data were sent to a server that nobody vouches for")
			r.broken(r.Write("etc/pki/ca.pem", []byte(ca)))
			a = r.agent(sending())
			r.settled(a, 60*time.Second)
			r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
			a.stop()
		}},
	{name: "aws/errors-quote", command: "verify", takes: 40 * time.Second, with: inGroup,
		inject: "every AWS error quotes the request, including its session token and signature",
		must:   "neither appears in the journal, status, debug or the bundle",
		play:   quotes},
}

// quotes makes AWS reject signatures as the query protocol does: the error message contains the canonical request,
// including the session token header.
func quotes(r *rig) {
	const (
		signature = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
		token     = "IQoJb3JpZ2luX2VjEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLE"
	)
	r.Sandbox().Inject(sandbox.Fault{Status: 400, Code: "IncompleteSignatureException", Message: "Authorization=AWS4-HMAC-SHA256 " +
		"Credential=AKIAIOSFODNN7EXAMPLE/20260101/eu-central-1/ecs/aws4_request, SignedHeaders=host, " +
		"Signature=" + signature + " \u009b31m \u202e x-amz-security-token:" + token})
	for _, c := range []string{
		"verify --cluster prod --timeout 4s" + hookFlag + stackFlags, bootstrap, "debug --bundle /" + bundleFile, "debug --output json",
	} {
		r.run(c)
	}
	a := r.agent(sending())
	wait(lead + 5*time.Second)
	r.run("status")
	a.stop()
	for _, p := range r.progs {
		r.inert(p)
		r.want(!p.printed(signature) && !p.printed(token), "muster %s prints it: %s", p.command, after(p.stderr.String(), "Signature="))
	}
	all := r.unpacked()
	r.want(!strings.Contains(all, signature) && !strings.Contains(all, token), "the bundle has it")
}

// invalidAWSSettings covers variables of the AWS SDK that user data or a drop-in of a unit can set.
func invalidAWSSettings() (rows []row) {
	for _, e := range []string{"AWS_MAX_ATTEMPTS=abc", "AWS_CA_BUNDLE=/missing.pem", "AWS_USE_FIPS_ENDPOINT=maybe", "AWS_PROFILE=missing"} {
		name, _, _ := strings.Cut(e, "=")
		rows = append(rows, row{name: "aws/invalid-" + dashed(name), command: "bootstrap", inject: "`" + e + "`",
			takes: 3 * time.Second, must: "exit 78 names the variable", with: fresh,
			play: func(r *rig) {
				p := r.runHow(bootstrap, how{env: []string{e}})
				p.exits(78)
				p.says(0, name)
			}})
	}
	return rows
}
