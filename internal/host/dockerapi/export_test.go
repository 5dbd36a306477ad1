package dockerapi

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// WithoutExecs exports withoutExecs for tests.
var WithoutExecs = withoutExecs

// Serving returns a Client that calls the handler as its Engine, without a socket.
func Serving(t *testing.T, handler http.Handler) *Client {
	t.Helper()
	c, err := newClient(DefaultHost, time.Minute, roundTripper(func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Result(), nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	return c
}
