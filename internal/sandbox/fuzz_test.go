package sandbox

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzAWS: whatever arrives, the API answers with a status and a body, and logs
// at most one call.
func FuzzAWS(f *testing.F) {
	const ecs, key = "AmazonEC2ContainerServiceV20141113.", "AWS4-HMAC-SHA256 Credential=ASIASANDBOXSANDBOX00/d/r/s/aws4_request"
	f.Add(ecs+"ListContainerInstances", key, "", `{"cluster":"prod","filter":"ec2InstanceId == i-1","maxResults":1,"nextToken":"0"}`)
	f.Add(ecs+"RegisterContainerInstance", key, "", `{"instanceIdentityDocument":"{}","attributes":[null]}`)
	f.Add(ecs+"DescribeTasks", key, "", `{"cluster":"prod","tasks":["a",""]}`)
	f.Add(
		"",
		key,
		"",
		"Action=DescribeNetworkInterfaces&Version=2016-11-15&Filter.1.Name=subnet-id&Filter.1.Value.1=a&MaxResults=5&NextToken=1",
	)
	f.Add(
		"",
		key,
		"",
		"Action=AuthorizeSecurityGroupIngress&Version=2016-11-15&GroupId=sg-0aa11bb22cc33dd44&IpPermissions.1.IpProtocol=tcp&"+
			"IpPermissions.1.FromPort=1&IpPermissions.1.ToPort=2&IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0/8&IpPermissions.1.Groups.1.GroupId=x",
	)
	f.Add("", key, "", "Action=DescribeTags&Version=2016-11-15&Filter.1.Name=key&Filter.1.Value.1=a")
	f.Add("", key, "Action=SignalResource&Version=2010-05-15&ContentType=JSON", "StackName=arn:&Status=SUCCESS&UniqueId=x")
	f.Add("", "CFN_V1 e30=:x", "Action=SignalResource&Version=2010-05-15", "")
	f.Add("", key, "", "Action=CompleteLifecycleAction&Version=2011-01-01&LifecycleActionResult=ABANDON&%zz")
	s, err := New(Options{Clusters: []string{"prod"}, Group: &Group{Name: "g"}, Stacks: map[string][]string{"s": {"r"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(s.Close)
	f.Fuzz(func(t *testing.T, target, authorization, query, body string) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.URL.RawQuery = query
		r.Header.Set("X-Amz-Target", target)
		r.Header.Set("Authorization", authorization)
		if target == "" {
			r.Header.Del("X-Amz-Target")
		}
		s.ResetCalls()
		w := httptest.NewRecorder()
		s.serveAWS(w, r)
		if w.Code == 0 || w.Body.Len() == 0 || s.CallCount("", "") > 1 {
			t.Errorf("status %d, body %q, %d calls", w.Code, w.Body, s.CallCount("", ""))
		}
	})
}

// FuzzIMDSPath: a path gets a leaf, a listing or a 404, and a listing's entries exist.
func FuzzIMDSPath(f *testing.F) {
	for _, path := range []string{"meta-data/", "meta-data", "meta-data/mac", "meta-data/network/interfaces/macs/", "//", "dynamic"} {
		f.Add(path)
	}
	s, err := New(Options{TagsInIMDS: true, InstanceTags: map[string]string{"Name": "x"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(s.Close)
	issue := httptest.NewRequest(http.MethodPut, TokenPath, nil)
	issue.Header.Set(ttlHeader, "60")
	token := string(s.serveIMDS(issue).body)
	ask := func(path string) answer {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.Path = "/latest/" + path
		r.Header.Set(tokenHeader, token)
		return s.serveIMDS(r)
	}
	f.Fuzz(func(t *testing.T, path string) {
		a := ask(path)
		if a.status != http.StatusOK && a.status != http.StatusNotFound {
			t.Fatalf("%q: status %d", path, a.status)
		}
		if _, leaf := s.metadata()[path]; leaf || a.status == http.StatusNotFound {
			return
		}
		for _, entry := range strings.Split(string(a.body), "\n") {
			child := strings.TrimSuffix(path, "/") + "/" + entry
			if got := ask(child); got.status != http.StatusOK {
				t.Errorf("%q lists %q, which is %d", path, entry, got.status)
			}
		}
	})
}

// FuzzAgentConfig: the agent's parser never fails but for the attributes' JSON,
// and always names a cluster.
func FuzzAgentConfig(f *testing.F) {
	f.Add("ECS_CLUSTER=prod\r\n#x\n\nexport A=b\nECS_INSTANCE_ATTRIBUTES={\"a\":1}")
	f.Add("ECS_CLUSTER=\nECS_CLUSTER")
	s := &Sandbox{opts: Options{Root: f.TempDir(), Region: "eu-central-1"}}
	a := newAgent(s)
	path := filepath.Join(s.opts.Root, "etc/ecs/ecs.config")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := a.readConfig()
		if err != nil && !strings.Contains(text, "ECS_INSTANCE_ATTRIBUTES=") {
			t.Errorf("error %v", err)
		}
		if cfg.cluster == "" || cfg.unnamed && cfg.cluster != defaultCluster {
			t.Errorf("cluster %q", cfg.cluster)
		}
	})
}
