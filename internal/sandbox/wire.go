package sandbox

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
)

// apiError is an AWS error, independent of the protocol.
type apiError struct {
	status        int
	code, message string
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func invalid(code, format string, args ...any) *apiError {
	return &apiError{http.StatusBadRequest, code, fmt.Sprintf(format, args...)}
}

// protocol is a wire format: it writes results and errors, and names the errors that are common to all services.
type protocol interface {
	result(action, requestID string, v any) answer
	failure(requestID string, e *apiError) answer
	kind(Kind) apiError
}

// awsJSON is awsJson1.1 (ECS). Results are values that marshal to the output.
type awsJSON struct{}

func (awsJSON) result(_, requestID string, v any) answer {
	body, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("sandbox: result does not marshal: %v", err)) // a bug in the sandbox, not bad input
	}
	return answer{status: http.StatusOK, header: jsonHeader(requestID), body: body}
}

func (awsJSON) failure(requestID string, e *apiError) answer {
	body, _ := json.Marshal(map[string]string{"__type": e.code, "message": e.message})
	return answer{status: e.status, header: jsonHeader(requestID), body: body, code: e.code}
}

func jsonHeader(requestID string) http.Header {
	return http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amzn-Requestid": {requestID}}
}

func (awsJSON) kind(k Kind) apiError {
	return map[Kind]apiError{
		KindAccessDenied:  {400, "AccessDeniedException", ""},
		KindExpiredToken:  {400, "ExpiredTokenException", "The security token included in the request is expired"},
		KindThrottled:     {400, "ThrottlingException", "Rate exceeded"},
		KindServer:        {500, "ServerException", "Service Unavailable. Please try again later."},
		KindSkewed:        {400, "InvalidSignatureException", ""},
		KindUnknownKey:    {400, "UnrecognizedClientException", "The security token included in the request is invalid."},
		KindUnknownAction: {400, "UnknownOperationException", ""},
		KindNoCredentials: {400, "MissingAuthenticationTokenException", "Missing Authentication Token"},
	}[k]
}

// awsQuery is the query protocol (Auto Scaling, CloudFormation). Results are
// structs that marshal to the children of <ActionResult>, or nil for none.
type awsQuery struct{ xmlns string }

func (q awsQuery) result(action, requestID string, v any) answer {
	start := element(action + "Response")
	start.Attr = []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: q.xmlns}}
	return xmlAnswer(http.StatusOK, func(e *xml.Encoder) error {
		return wrap(e, start, func() error {
			if v != nil {
				if err := e.EncodeElement(v, element(action+"Result")); err != nil {
					return err
				}
			}
			meta := struct{ RequestId string }{requestID}
			return e.EncodeElement(meta, element("ResponseMetadata"))
		})
	})
}

func (awsQuery) failure(requestID string, e *apiError) answer {
	type inner struct{ Type, Code, Message string }
	body := struct {
		XMLName   xml.Name `xml:"ErrorResponse"`
		Error     inner
		RequestId string
	}{Error: inner{"Sender", e.code, e.message}, RequestId: requestID}
	a := xmlAnswer(e.status, func(enc *xml.Encoder) error { return enc.Encode(body) })
	a.code = e.code
	return a
}

func (awsQuery) kind(k Kind) apiError {
	return map[Kind]apiError{
		KindAccessDenied:  {403, "AccessDenied", ""},
		KindExpiredToken:  {403, "ExpiredToken", "The security token included in the request is expired"},
		KindThrottled:     {400, "Throttling", "Rate exceeded"},
		KindServer:        {500, "InternalFailure", "We encountered an internal error. Please try again."},
		KindSkewed:        {403, "SignatureDoesNotMatch", ""},
		KindUnknownKey:    {403, "InvalidClientTokenId", "The security token included in the request is invalid."},
		KindUnknownAction: {400, "InvalidAction", ""},
		KindNoCredentials: {403, "MissingAuthenticationToken", "Missing Authentication Token"},
	}[k]
}

// ec2Query is EC2's variant: no result wrapper, and another error format. A result marshals to the single element next
// to <requestId>.
type ec2Query struct{ xmlns string }

func (q ec2Query) result(action, requestID string, v any) answer {
	start := element(action + "Response")
	start.Attr = []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: q.xmlns}}
	return xmlAnswer(http.StatusOK, func(e *xml.Encoder) error {
		return wrap(e, start, func() error {
			if err := e.EncodeElement(requestID, element("requestId")); err != nil {
				return err
			}
			return e.Encode(v)
		})
	})
}

func (ec2Query) failure(requestID string, e *apiError) answer {
	type inner struct{ Code, Message string }
	body := struct {
		XMLName   xml.Name `xml:"Response"`
		Error     inner    `xml:"Errors>Error"`
		RequestID string
	}{Error: inner{e.code, e.message}, RequestID: requestID}
	a := xmlAnswer(e.status, func(enc *xml.Encoder) error { return enc.Encode(body) })
	a.code = e.code
	return a
}

func (ec2Query) kind(k Kind) apiError {
	return map[Kind]apiError{
		KindAccessDenied:  {403, "UnauthorizedOperation", ""},
		KindExpiredToken:  {400, "RequestExpired", "Request has expired."},
		KindThrottled:     {503, "RequestLimitExceeded", "Request limit exceeded."},
		KindServer:        {500, "InternalError", "An internal error has occurred"},
		KindSkewed:        {401, "AuthFailure", "AWS was not able to validate the provided access credentials"},
		KindUnknownKey:    {401, "AuthFailure", "AWS was not able to validate the provided access credentials"},
		KindUnknownAction: {400, "InvalidAction", ""},
		KindNoCredentials: {400, "MissingAuthenticationToken", "Missing Authentication Token"},
	}[k]
}

func element(name string) xml.StartElement { return xml.StartElement{Name: xml.Name{Local: name}} }

func wrap(e *xml.Encoder, start xml.StartElement, inside func() error) error {
	if err := e.EncodeToken(start); err != nil {
		return err
	}
	if err := inside(); err != nil {
		return err
	}
	return e.EncodeToken(start.End())
}

func xmlAnswer(status int, write func(*xml.Encoder) error) answer {
	var body bytes.Buffer
	body.WriteString(xml.Header)
	enc := xml.NewEncoder(&body)
	err := write(enc)
	if err == nil {
		err = enc.Flush()
	}
	if err != nil {
		panic(fmt.Sprintf("sandbox: result does not marshal: %v", err)) // a bug in the sandbox, not bad input
	}
	return answer{status: status, header: http.Header{"Content-Type": {"text/xml"}}, body: body.Bytes()}
}

func newRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
