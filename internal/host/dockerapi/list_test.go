package dockerapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// answeringAll returns a Client whose Engine responds to every request with this status and body.
func answeringAll(t *testing.T, status int, body []byte) *Client {
	t.Helper()
	c, err := newClient(DefaultHost, time.Minute, roundTripper(func(r *http.Request) (*http.Response, error) {
		header := http.Header{"Api-Version": {"1.41"}, "Content-Type": {"application/json"}}
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAListThatIsNoneIsAnError(t *testing.T) {
	for name, test := range map[string]struct {
		status     int
		body, want string
	}{
		"an object":           {200, `{"message":"x"}`, "the response is not a list"},
		"null":                {200, `null`, "the response is not a list"},
		"nothing":             {200, ``, "EOF"},
		"cut off":             {200, `[{"Id":"a"}`, "EOF"},
		"cut off in an entry": {200, `[{"Id":"a"},{"Id"`, "EOF"},
		"not JSON":            {200, `[{"Id":"a"},<html>`, "invalid character"},
		"a redirect":          {301, ``, "EOF"},
		"an error":            {500, `{"message":"no room"}`, "no room"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := answeringAll(t, test.status, []byte(test.body)).List(t.Context(), true)
			if err == nil || got != nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "listing the containers at "+
				DefaultHost) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	if got, err := answeringAll(t, 200, []byte("[]")).List(t.Context(), true); err != nil || len(got) != 0 {
		t.Errorf("an empty list: %v, %v", got, err)
	}
}

// FuzzList compares a list that is read entry by entry with one that is decoded as a whole.
func FuzzList(f *testing.F) {
	f.Add([]byte(`[{"Id":"a","Names":["/x"],"Labels":{"com.amazonaws.ecs.cluster":"prod","b":"c"},"State":"running","Status":"Up 2 seconds ` +
		`(healthy)","Created":5}]`))
	f.Add([]byte(`[{"Id":"a","Health":{"Status":"none"}},null,{}] trailing`))
	f.Add([]byte(`[{"Id":1},]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var whole []entry
		wantErr := json.NewDecoder(bytes.NewReader(body)).Decode(&whole)
		if wantErr == nil && whole == nil {
			wantErr = errors.New("null")
		}
		got, err := answeringAll(t, 200, body).List(t.Context(), true)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("error %v, decoded whole %v", err, wantErr)
		}
		if err != nil {
			return
		}
		want := []Summary{}
		for _, each := range whole {
			want = append(want, each.summary())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}
