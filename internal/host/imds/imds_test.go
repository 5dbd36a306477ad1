package imds

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const document = `{"instanceId":"i-0123456789abcdef0","region":"eu-west-1","availabilityZone":"eu-west-1a","instanceType":"m5.large",` +
	`"accountId":"123456789012","imageId":"ami-1"}`

// service is a metadata service with the given paths below /latest/. Each handler of before answers one request instead;
// nil passes the request on.
func service(t *testing.T, paths map[string]string, before ...http.HandlerFunc) string {
	t.Helper()
	var n atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if i := int(n.Add(1)) - 1; len(before) > 0 {
			if h := before[min(i, len(before)-1)]; h != nil {
				h(w, r)
				return
			}
		}
		path := strings.TrimPrefix(r.URL.Path, "/latest/")
		if path == "api/token" && r.Method == http.MethodPut {
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "300")
			_, _ = w.Write([]byte("TOKEN"))
			return
		}
		if r.Header.Get("X-Aws-Ec2-Metadata-Token") != "TOKEN" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		body, ok := paths[path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

var instance = map[string]string{
	"dynamic/instance-identity/document":                document,
	"dynamic/instance-identity/signature":               "abc\ndef\n",
	"meta-data/tags/instance/muster:cluster":            "prod",
	"meta-data/autoscaling/target-lifecycle-state":      "InService",
	"meta-data/tags/instance/aws:autoscaling:groupName": "workers",
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func TestHealthyService(t *testing.T) {
	c := New(service(t, instance), time.Minute)
	id, err := c.Identity(t.Context())
	if err != nil || id.InstanceID != "i-0123456789abcdef0" || id.Region != "eu-west-1" || id.AccountID != "123456789012" {
		t.Errorf("Identity = %+v, %v", id, err)
	}
	if tag, ok, err := c.Tag(t.Context(), "muster:cluster"); tag != "prod" || !ok || err != nil {
		t.Errorf("Tag = %q, %v, %v", tag, ok, err)
	}
	if state, err := c.LifecycleState(t.Context()); state != "InService" || err != nil {
		t.Errorf("LifecycleState = %q, %v", state, err)
	}
	doc, signature, err := c.Signed(t.Context())
	if string(doc) != document || signature != "abcdef" || err != nil {
		t.Errorf("Signed = %s, %q, %v", doc, signature, err)
	}
}

func TestMissingPathsAreNoError(t *testing.T) {
	c := New(service(t, map[string]string{}), time.Minute)
	for _, key := range []string{"absent", "with/slash", "with blank", "", ".."} {
		if tag, ok, err := c.Tag(t.Context(), key); tag != "" || ok || err != nil {
			t.Errorf("Tag(%q) = %q, %v, %v", key, tag, ok, err)
		}
	}
	if state, err := c.LifecycleState(t.Context()); state != "" || err != nil {
		t.Errorf("LifecycleState = %q, %v", state, err)
	}
}

func TestWaitForALateService(t *testing.T) {
	for name, first := range map[string]http.HandlerFunc{
		"500 at first":     answer(500, ""),
		"404 for tokens":   answer(404, ""),
		"401 at first":     answer(401, ""),
		"garbage at first": answer(200, "<html>"),
		"cut off at first": func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			c := New(service(t, instance, first, first, nil), time.Minute)
			if id, err := c.Identity(t.Context()); err != nil || id.InstanceID == "" {
				t.Errorf("Identity = %+v, %v", id, err)
			}
		})
	}
}

func TestExpiredTokenIsRenewed(t *testing.T) {
	c := New(service(t, instance, nil, answer(401, ""), nil), time.Minute)
	if id, err := c.Identity(t.Context()); err != nil || id.InstanceID == "" {
		t.Errorf("Identity = %+v, %v", id, err)
	}
}

func TestFailureKinds(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for name, c := range map[string]struct {
		endpoint string
		kind     Kind
		says     string
	}{
		"nothing listens": {"http://" + closed.Addr().String(), Unreachable,
			"This is not an EC2 instance, its network is not up yet"},
		"token request hangs": {service(t, nil, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), TimedOut,
			"--http-put-response-hop-limit 2"},
		"endpoint disabled":               {service(t, nil, answer(403, "")), Disabled, "--http-endpoint enabled"},
		"every token request is rejected": {service(t, nil, answer(400, "")), Refused, "HTTP status 400"},
		"404 for everything":              {service(t, nil, answer(404, "")), Broken, "HTTP status 404"},
		"500 for everything":              {service(t, nil, answer(500, "")), Broken, "HTTP status 500"},
		"401 for everything":              {service(t, nil, nil, answer(401, "")), Refused, "HTTP status 401"},
		"no document":                     {service(t, map[string]string{}), NotFound, "404"},
		"a page from a proxy":             {service(t, nil, answer(200, "<html>")), Malformed, "Something other"},
		"a document without an id": {service(t, map[string]string{"dynamic/instance-identity/document": `{}`}), Malformed,
			"has no valid instance ID"},
		"half a document": {service(t, map[string]string{"dynamic/instance-identity/document": document[:20]}), Malformed,
			"not valid JSON"},
		"a region that is a host": {service(t, map[string]string{"dynamic/instance-identity/document": `{"instanceId":"i-0123456789abcdef0",` +
			`"region":"127.0.0.9/x?"}`}), Malformed, "has no valid instance ID and region"},
		"an id that is a path": {service(t, map[string]string{"dynamic/instance-identity/document": `{"instanceId":"i-../../x",` +
			`"region":"r"}`}), Malformed, "has no valid instance ID"},
		"an id with control characters": {service(t, map[string]string{"dynamic/instance-identity/document": `{"instanceId":"i-1\u001b[2J",` +
			`"region":"r"}`}), Malformed, "has no valid instance ID"},
		"an answer without an end": {service(t, map[string]string{"dynamic/instance-identity/document": strings.Repeat(" ", maxAnswer+1)}),
			Malformed, "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := New(c.endpoint, time.Second).Identity(t.Context())
			var failure *Error
			if !errors.As(err, &failure) || failure.Kind != c.kind {
				t.Fatalf("error %v, want kind %s", err, c.kind)
			}
			if !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.endpoint) {
				t.Errorf("error %q does not contain %q and the endpoint", err, c.says)
			}
		})
	}
}

func TestDisabledEndpointIsNotRetried(t *testing.T) {
	_, err := New(service(t, nil, answer(403, "")), time.Minute).Identity(t.Context())
	var failure *Error
	if !errors.As(err, &failure) || failure.Attempts != 1 {
		t.Errorf("error %v after %d attempts, want 1", err, failure.Attempts)
	}
}

func TestACancelledWaitEndsAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := New(service(t, nil, func(w http.ResponseWriter, _ *http.Request) { cancel(); w.WriteHeader(500) }), time.Minute)
	if _, err := c.Identity(ctx); err == nil {
		t.Error("no error")
	}
}

func FuzzDecodeIdentity(f *testing.F) {
	f.Add([]byte(document))
	f.Add([]byte(`{"instanceId":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		id, err := decodeIdentity(data)
		if err == nil && (id.InstanceID == "" || id.Region == "" || strings.ContainsAny(id.InstanceID, "/\\\n")) {
			t.Errorf("accepted %+v", id)
		}
	})
}

// Every instance has the document, so a 404 is a service that does not have it yet. Its
// answer is "the requested resource doesn't exist" (EC2 user guide, Access instance
// metadata, error codes).
func TestDocumentThatIsLate(t *testing.T) {
	for name, late := range map[string]http.HandlerFunc{"404": answer(404, ""), "400": answer(400, ""), "empty": answer(200, "")} {
		t.Run(name, func(t *testing.T) {
			c := New(service(t, instance, nil, late, late, nil), time.Minute)
			if id, err := c.Identity(t.Context()); err != nil || id.InstanceID == "" {
				t.Errorf("Identity = %+v, %v", id, err)
			}
		})
	}
}

// An earlier request for the document may have used up all the time.
func TestNoTimeLeftIsSilent(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), 0)
	defer stop()
	_, err := New(service(t, instance), time.Minute).Identity(ctx)
	var failure *Error
	if !errors.As(err, &failure) || failure.Kind != TimedOut {
		t.Errorf("%v", err)
	}
}

func TestUserData(t *testing.T) {
	with := New(service(t, map[string]string{"user-data": "#!/bin/sh"}), time.Minute)
	if got, ok, err := with.UserData(t.Context()); string(got) != "#!/bin/sh" || !ok || err != nil {
		t.Errorf("got %q, %v, %v", got, ok, err)
	}
	without := New(service(t, map[string]string{}), time.Minute)
	if got, ok, err := without.UserData(t.Context()); got != nil || ok || err != nil {
		t.Errorf("got %q, %v, %v", got, ok, err)
	}
	var failure *Error
	down := New(service(t, nil, answer(403, "")), time.Minute)
	if got, ok, err := down.UserData(t.Context()); ok || !errors.As(err, &failure) || failure.Kind != Disabled {
		t.Errorf("got %q, %v, %v", got, ok, err)
	}
}

// The SDK sends no request if this variable is set, as on many laptops.
func TestDisablingVariableIsNamed(t *testing.T) {
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	var failure *Error
	_, err := New(service(t, map[string]string{}), time.Minute).Identity(t.Context())
	if !errors.As(err, &failure) || failure.Kind != TurnedOff || !strings.Contains(err.Error(), "AWS_EC2_METADATA_DISABLED") ||
		failure.Attempts != 1 {
		t.Errorf("got %v", err)
	}
}

func TestDate(t *testing.T) {
	late := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", "Fri, 02 Jan 2026 03:04:05 GMT")
		_, _ = w.Write([]byte("i-1"))
	}
	got, err := New(service(t, nil, nil, late), time.Minute).Date(t.Context())
	if want := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC); err != nil || !got.Equal(want) {
		t.Errorf("got %s, %v", got, err)
	}
	none := func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Date"] = nil
		_, _ = w.Write([]byte("i-1"))
	}
	if got, err := New(service(t, nil, nil, none), 50*time.Millisecond).Date(t.Context()); err == nil {
		t.Errorf("got %s", got)
	}
}

// The instance metadata service never redirects (EC2 user guide, "IMDSv2"). A proxy or captive portal does, and must not
// get the token.
func TestRedirectsAreNotFollowed(t *testing.T) {
	for name, of := range map[string]string{"the token request": "/latest/api/token", "a path": "/latest/meta-data/",
		"the credentials": "/latest/meta-data/iam"} {
		t.Run(name, func(t *testing.T) {
			var elsewhere atomic.Int32
			other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
			defer other.Close()
			here := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Path, of) {
					http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
					return
				}
				w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "60")
				_, _ = w.Write([]byte("token"))
			}))
			defer here.Close()
			_, _, err := New(here.URL, 300*time.Millisecond).Metadata(t.Context(), "iam/info")
			var failure *Error
			if !errors.As(err, &failure) || failure.Kind != Malformed || !strings.Contains(err.Error(), "redirect") {
				t.Errorf("%v", err)
			}
			if elsewhere.Load() != 0 {
				t.Error("the redirect was followed")
			}
		})
	}
}

func TestLongResponsesAreTruncated(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "60")
		for chunk := make([]byte, 64<<10); ; {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	if _, _, err := New(server.URL, 300*time.Millisecond).Metadata(t.Context(), "instance-id"); err == nil {
		t.Error("the token is read as an answer")
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := Options(server.URL).HTTPClient.Do(r) // like the SDK reads credentials
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if data, _ := io.ReadAll(resp.Body); len(data) > maxAnswer+1 {
		t.Errorf("read %d bytes", len(data))
	}
}

func TestLocalLimitIsUnknown(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		saw := outcome{err: &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("socket", errno)}}
		got := saw.failure(saw.err)
		if got.Kind != Unknown || got.Kind.Final() || !errors.Is(got, errno) || strings.Contains(got.Error(), "not an EC2 instance") {
			t.Errorf("%s: %v", errno, got)
		}
	}
}
