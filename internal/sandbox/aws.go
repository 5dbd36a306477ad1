package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// service is one AWS service: how a request is known to be its, how it answers,
// and what it can do.
type service struct {
	name     string
	target   string // prefix of X-Amz-Target, in the JSON protocols
	version  string // Version parameter, in the query protocols
	rpc      string // name in the path, in rpc-v2-cbor
	protocol protocol
	actions  map[string]action
	rates    map[string]rate // actions absent here are not throttled
}

// action does one API call. It runs with the sandbox locked.
type action func(*request) (any, *apiError)

// services is the routing table.
func (s *Sandbox) services() []*service {
	return []*service{
		s.ecsService(),
		s.ec2Service(),
		s.autoScalingService(),
		s.cloudFormationService(),
		s.cloudWatchService(),
		s.eventBridgeService(),
	}
}

// request is one AWS call, routed.
type request struct {
	service *service
	action  string
	region  string // of the credential scope; empty when not signed with SigV4
	key     string // access key id
	form    url.Values
	body    []byte
	http    *http.Request
	fault   Fault // that spoils it
}

// decode reads a JSON request body.
func (r *request) decode(into any) *apiError {
	if err := json.Unmarshal(r.body, into); err != nil {
		return invalid("SerializationException", "%v", err)
	}
	return nil
}

// list returns the query parameters prefix.1, prefix.2, ... in order.
func (r *request) list(prefix string) []string {
	var out []string
	for i := 1; r.form.Has(fmt.Sprintf("%s.%d", prefix, i)); i++ {
		out = append(out, r.form.Get(fmt.Sprintf("%s.%d", prefix, i)))
	}
	return out
}

func (s *Sandbox) serveAWS(w http.ResponseWriter, h *http.Request) {
	r, err := s.route(h)
	if err != nil {
		awsJSON{}.failure(newRequestID(), err).send(w)
		return
	}
	call := s.logCall(r)
	r.fault = s.fault(r.service.name, r.action)
	a := s.respond(w, h, r.fault, func() answer {
		id := newRequestID()
		v, err := s.do(r)
		if err != nil {
			return r.protocol().failure(id, err)
		}
		return r.protocol().result(r.action, id, v)
	})
	s.endCall(call, a)
}

// route finds service and action: X-Amz-Target says both in the JSON protocols,
// Version and Action in the query protocols, the path in rpc-v2-cbor.
func (s *Sandbox) route(h *http.Request) (*request, *apiError) {
	body, err := io.ReadAll(io.LimitReader(h.Body, 4<<20))
	if err != nil {
		return nil, invalid("SerializationException", "reading the body: %v", err)
	}
	r := &request{http: h, body: body}
	r.region, r.key = credentialScope(h.Header.Get("Authorization"))
	if rpc, name, ok := strings.Cut(strings.TrimPrefix(h.URL.Path, "/service/"), "/operation/"); ok {
		r.action = name
		return r, r.to(s.routes, func(svc *service) bool { return svc.rpc == rpc })
	}
	target, name, isJSON := strings.Cut(h.Header.Get("X-Amz-Target"), ".")
	r.action = name
	if !isJSON {
		r.form, _ = url.ParseQuery(h.URL.RawQuery + "&" + string(body)) // a bad pair is a missing parameter
		r.action = r.form.Get("Action")
	}
	return r, r.to(s.routes, func(svc *service) bool {
		return isJSON && svc.target == target || !isJSON && svc.version != "" && svc.version == r.form.Get("Version")
	})
}

// to gives the request the one service that is meant.
func (r *request) to(routes []*service, meant func(*service) bool) *apiError {
	i := slices.IndexFunc(routes, meant)
	if i < 0 {
		return invalid("UnknownOperationException", "no service here answers action %q (path %q, target %q, version %q)",
			r.action, r.http.URL.Path, r.http.Header.Get("X-Amz-Target"), r.form.Get("Version"))
	}
	r.service = routes[i]
	return nil
}

func (r *request) protocol() protocol {
	if _, ok := r.service.protocol.(awsQuery); ok && r.form.Get("ContentType") == "JSON" {
		return queryJSON{}
	}
	return r.service.protocol
}

// credentialScope takes AWS4-HMAC-SHA256 Credential=KEY/date/region/service/aws4_request apart.
func credentialScope(authorization string) (region, key string) {
	_, scope, _ := strings.Cut(authorization, "Credential=")
	if parts := strings.Split(scope, "/"); len(parts) >= 5 {
		return parts[2], parts[0]
	}
	return "", ""
}

func (s *Sandbox) do(r *request) (any, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	spoilt := s.spoil(r, r.fault)
	if spoilt != nil && !r.fault.Done {
		return nil, spoilt
	}
	if err := s.authenticate(r, r.fault.Skew); err != nil {
		return nil, err
	}
	act, ok := r.service.actions[r.action]
	if !ok {
		return nil, s.fail(r, KindUnknownAction, "the sandbox's %s knows no action %q", r.service.name, r.action)
	}
	if !s.allow(r.service.name, r.service.rates[r.action]) {
		return nil, s.fail(r, KindThrottled, "")
	}
	v, err := act(r)
	if spoilt != nil {
		return nil, spoilt
	}
	return v, err
}

// spoil returns the error that the fault asks for.
func (s *Sandbox) spoil(r *request, f Fault) *apiError {
	switch {
	case f.Kind == KindAccessDenied:
		return s.denied(r)
	case f.Kind != 0:
		return s.fail(r, f.Kind, "%s", f.Message)
	case f.Status != 0 && f.Status != http.StatusOK:
		return &apiError{f.Status, f.Code, f.Message}
	}
	return nil
}

func (s *Sandbox) denied(r *request) *apiError {
	perm := r.service.name + ":" + r.action
	return s.fail(r, KindAccessDenied, "User: arn:aws:sts::%s:assumed-role/%s/%s is not authorized to perform: %s "+
		"because no identity-based policy allows the %s action", s.opts.AccountID, roleName, s.opts.InstanceID, perm, perm)
}

// fail is the service's own error of a kind; an empty message keeps the usual one.
func (s *Sandbox) fail(r *request, k Kind, format string, args ...any) *apiError {
	e := r.service.protocol.kind(k)
	if msg := fmt.Sprintf(format, args...); msg != "" {
		e.message = msg
	}
	return &e
}

// authenticate accepts the role's key, and CFN_V1 where the action checks it. It
// does not verify the signature itself: the client is the SDK's.
func (s *Sandbox) authenticate(r *request, skew time.Duration) *apiError {
	if strings.HasPrefix(r.http.Header.Get("Authorization"), cfnScheme) && r.service.name == CloudFormation {
		return s.verifyIdentity(r)
	}
	if r.key == "" {
		return s.fail(r, KindNoCredentials, "")
	}
	if r.key != accessKeyID {
		return s.fail(r, KindUnknownKey, "")
	}
	return s.checkDate(r, skew)
}

// checkDate enforces SigV4's five minutes against a skewed clock. Without skew it
// does not: the test's own manual clock may run ahead of the SDK's.
func (s *Sandbox) checkDate(r *request, skew time.Duration) *apiError {
	const format, limit = "20060102T150405Z", 5 * time.Minute
	now := s.clock.Now().Add(skew).UTC()
	signed, err := time.Parse(format, r.http.Header.Get("X-Amz-Date"))
	if skew == 0 || err != nil || now.Sub(signed).Abs() <= limit {
		return nil
	}
	if signed.Before(now) {
		return s.fail(r, KindSkewed, "Signature expired: %s is now earlier than %s (%s - 5 min.)",
			signed.Format(format), now.Add(-limit).Format(format), now.Format(format))
	}
	return s.fail(r, KindSkewed, "Signature not yet current: %s is still later than %s (%s + 5 min.)",
		signed.Format(format), now.Add(limit).Format(format), now.Format(format))
}
