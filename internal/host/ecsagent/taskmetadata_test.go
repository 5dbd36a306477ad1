package ecsagent

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Response of agent version 1.105, shortened.
const taskMetadata = `{"Cluster":"prod","TaskARN":"arn:aws:ecs:eu-west-1:123456789012:task/prod/0f1e","Family":"web",
	"Revision":"7","DesiredStatus":"RUNNING",
	"KnownStatus":"RUNNING","LaunchType":"EC2","ServiceName":"storefront","Containers":[
	{"DockerId":"a1","Name":"node","Health":{"status":"HEALTHY","statusSince":"2026-01-02T03:04:05Z"}},
	{"DockerId":"b2","Name":"sidecar"},{"DockerId":"c3","Name":"null","Health":null}]}`

func TestTaskMetadataUsesOnlyTheID(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path)
		_, _ = io.WriteString(w, taskMetadata)
	}))
	defer server.Close()
	endpoint := NewTaskMetadataEndpoint(server.URL, nil)
	got, err := endpoint.Task(t.Context(), "http://10.0.0.1:1/v4/0f1e2d-12")
	want := TaskMetadata{
		TaskARN:     "arn:aws:ecs:eu-west-1:123456789012:task/prod/0f1e",
		ServiceName: "storefront",
		Checked:     map[string]bool{"node": true},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for _, uri := range []string{"", "http://169.254.170.2/v4/", "http://169.254.170.2/v3/0f1e", "/v4/../metadata", "/v4/a/b", "/v4/a?b",
		"/v4/%2e%2e", "/v4/" + strings.Repeat("a", 101), "/v4/ a\n"} {
		if got, err := endpoint.Task(t.Context(), uri); err == nil {
			t.Errorf("%q: got %+v", uri, got)
		}
	}
	if diff := cmp.Diff([]string{"GET /v4/0f1e2d-12/task"}, asked); diff != "" {
		t.Error(diff)
	}
}

func TestInvalidTaskMetadataIsAnError(t *testing.T) {
	for _, body := range []string{"", "null", "{}", "[]", `{"TaskARN":5}`, taskMetadata[:100],
		"V3 task metadata handler: unable to find task"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
		if got, err := NewTaskMetadataEndpoint(server.URL, nil).Task(t.Context(), "/v4/a"); !errors.Is(err, ErrGarbled) {
			t.Errorf("%q: got %+v, %v", body, got, err)
		}
		server.Close()
	}
}

func FuzzTaskMetadata(f *testing.F) {
	f.Add([]byte(taskMetadata))
	f.Fuzz(func(t *testing.T, body []byte) {
		if got, err := decodeTaskMetadata(body); err == nil && (got.TaskARN == "" || got.Checked == nil) {
			t.Errorf("%+v", got)
		}
	})
}
