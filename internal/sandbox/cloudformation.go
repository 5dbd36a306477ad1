package sandbox

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Signal is an accepted SignalResource call.
type Signal struct {
	Resource, UniqueID string
	Status             string // SUCCESS or FAILURE
	Scheme             string // signature scheme: AWS4-HMAC-SHA256 or CFN_V1
	Time               time.Time
}

type stack struct {
	name, status string
	waiting      []string
	signals      []Signal
}

func (s *Sandbox) newStacks() map[string]*stack {
	out := map[string]*stack{}
	for name, resources := range s.opts.Stacks {
		out[name] = &stack{name: name, status: "CREATE_IN_PROGRESS", waiting: slices.Clone(resources)}
	}
	return out
}

// Signals returns the signals that a stack accepted.
func (s *Sandbox) Signals(name string) []Signal {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.stacks[name]; st != nil {
		return slices.Clone(st.signals)
	}
	return nil
}

// StackStatus returns CREATE_IN_PROGRESS until every resource has its signal, then CREATE_COMPLETE; ROLLBACK_IN_PROGRESS
// after a failure; "" for an unknown stack.
func (s *Sandbox) StackStatus(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.stacks[name]; st != nil {
		return st.status
	}
	return ""
}

// cloudFormationService implements the query protocol (service/cloudformation: awsAwsquery_serializeOp*) and, for
// cfn-signal, its JSON variant.
func (s *Sandbox) cloudFormationService() *service {
	return &service{
		name:     CloudFormation,
		version:  "2010-05-15",
		protocol: awsQuery{"http://cloudformation.amazonaws.com/doc/2010-05-15/"},
		actions:  map[string]action{"SignalResource": s.signalResource},
	}
}

// signalResource implements SignalResource. The message for a stack that is not waiting comes from
// aws-cloudformation-templates#34.
func (s *Sandbox) signalResource(r *request) (any, *apiError) {
	name, resource, status := r.form.Get("StackName"), r.form.Get("LogicalResourceId"), r.form.Get("Status")
	if arn := strings.Split(name, "/"); strings.HasPrefix(name, "arn:") && len(arn) > 1 {
		name = arn[1]
	}
	st := s.stacks[name]
	switch {
	case status != "SUCCESS" && status != "FAILURE":
		return nil, invalid("ValidationError", "Value '%s' at 'status' failed to satisfy constraint: "+
			"Member must satisfy enum value set: [SUCCESS, FAILURE]", status)
	case r.form.Get("UniqueId") == "":
		return nil, invalid("ValidationError", "UniqueId must not be empty")
	case st == nil || r.region != "" && r.region != s.opts.Region:
		return nil, invalid("ValidationError", "Stack '%s' does not exist", name)
	case st.status != "CREATE_IN_PROGRESS":
		return nil, invalid("ValidationError", "Stack %s is in %s state and cannot be signaled",
			s.arn("cloudformation", "stack/"+name), st.status)
	case !slices.Contains(st.waiting, resource):
		return nil, invalid("ValidationError", "Resource %s does not exist for stack %s", resource, name)
	}
	scheme, _, _ := strings.Cut(r.http.Header.Get("Authorization"), " ")
	st.accept(Signal{resource, r.form.Get("UniqueId"), status, scheme, s.clock.Now()})
	return nil, nil
}

// accept counts one signal for each UniqueId of a resource, so a repeated signal of an instance counts once (API
// reference, SignalResource, UniqueId).
func (st *stack) accept(sig Signal) {
	if slices.ContainsFunc(st.signals, func(s Signal) bool { return s.Resource == sig.Resource && s.UniqueID == sig.UniqueID }) {
		return
	}
	st.signals = append(st.signals, sig)
	if sig.Status == "FAILURE" {
		st.status = "ROLLBACK_IN_PROGRESS"
		return
	}
	signalled := func(resource string) bool {
		return slices.ContainsFunc(st.signals, func(s Signal) bool { return s.Resource == resource })
	}
	if !slices.ContainsFunc(st.waiting, func(r string) bool { return !signalled(r) }) {
		st.status = "CREATE_COMPLETE"
	}
}

// cfnScheme is the signature scheme without IAM: CFN_V1 base64(identity document):signature, the signature without
// newlines (aws-cfn-bootstrap, cfnbootstrap/aws_client.py).
const cfnScheme = "CFN_V1 "

func (s *Sandbox) verifyIdentity(r *request) *apiError {
	header := strings.TrimPrefix(r.http.Header.Get("Authorization"), cfnScheme)
	encoded, signature, _ := strings.Cut(header, ":")
	document, err := base64.StdEncoding.DecodeString(encoded)
	want := strings.ReplaceAll(s.identity.signature, "\n", "")
	if err != nil || string(document) != s.identity.document || signature != want {
		return s.fail(r, KindAccessDenied, "User is not authorized: invalid instance identity document or signature")
	}
	return nil
}

// queryJSON is the protocol of a query service for ContentType=JSON.
type queryJSON struct{ awsQuery }

func (queryJSON) result(action, requestID string, v any) answer {
	inner := map[string]any{"ResponseMetadata": map[string]string{"RequestId": requestID}}
	if v != nil {
		inner[action+"Result"] = v
	}
	return queryJSONAnswer(http.StatusOK, map[string]any{action + "Response": inner})
}

func (queryJSON) failure(requestID string, e *apiError) answer {
	a := queryJSONAnswer(e.status, map[string]any{
		"Error":     map[string]string{"Code": e.code, "Message": e.message, "Type": "Sender"},
		"RequestId": requestID,
	})
	a.code = e.code
	return a
}

func queryJSONAnswer(status int, v any) answer {
	body, _ := json.Marshal(v) // maps and strings only
	return answer{status: status, header: http.Header{"Content-Type": {"application/json"}}, body: body}
}
