package sandbox

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	tokenHeader = "X-Aws-Ec2-Metadata-Token"
	ttlHeader   = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds"
	maxTokenTTL = 21600 // seconds; EC2 user guide, "Use IMDSv2"
)

// tokens maps session tokens to their expiry.
type tokens map[string]time.Time

// identity is the instance identity document and its signature, as served.
type identity struct{ document, signature string }

func (s *Sandbox) newIdentity() identity {
	document, _ := json.MarshalIndent(map[string]any{ // strings and nils only
		"accountId": s.opts.AccountID, "architecture": "x86_64", "availabilityZone": s.zone(),
		"billingProducts": nil, "devpayProductCodes": nil, "marketplaceProductCodes": nil,
		"imageId": imageID, "instanceId": s.opts.InstanceID, "instanceType": instanceType,
		"kernelId": nil, "pendingTime": s.clock.Now().UTC().Format(time.RFC3339), "privateIp": privateIP,
		"ramdiskId": nil, "region": s.opts.Region, "version": "2017-09-30",
	}, "", "  ")
	return identity{string(document), newSignature()}
}

// newSignature returns a signature in the real format: 128 bytes of base64 in three lines. This detects clients that do
// not join the lines.
func newSignature() string {
	var raw [128]byte
	_, _ = rand.Read(raw[:]) // never fails (crypto/rand)
	lines := slices.Collect(slices.Chunk([]byte(base64.StdEncoding.EncodeToString(raw[:])), 64))
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = string(l)
	}
	return strings.Join(out, "\n")
}

// IMDSDown makes the metadata service refuse connections.
func (s *Sandbox) IMDSDown() { s.imds.shut() }

// IMDSUp makes the metadata service accept connections again.
func (s *Sandbox) IMDSUp() error { return s.imds.open() }

// IMDSUpAfter calls IMDSUp after d, if the sandbox is still running. The returned channel is closed when that is done.
func (s *Sandbox) IMDSUpAfter(d time.Duration) <-chan struct{} {
	due, over := s.clock.After(d), make(chan struct{})
	s.background.Go(func() {
		defer close(over)
		select {
		case <-due:
			_ = s.imds.open() // on failure, the client's connection is refused
		case <-s.done:
		}
	})
	return over
}

func (s *Sandbox) serveIMDS(r *http.Request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.URL.Path == TokenPath {
		return s.issueToken(r)
	}
	if r.Method != http.MethodGet {
		return textAnswer(http.StatusMethodNotAllowed, "")
	}
	expiry, ok := s.tokens[r.Header.Get(tokenHeader)]
	if !ok || s.clock.Now().After(expiry) {
		return textAnswer(http.StatusUnauthorized, "401 - Unauthorized")
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/latest/")
	if !ok {
		return notFound()
	}
	tree := s.metadata()
	if leaf, ok := tree[path]; ok {
		return textAnswer(http.StatusOK, leaf)
	}
	if list := listing(tree, path); list != "" {
		return textAnswer(http.StatusOK, list)
	}
	return notFound()
}

func notFound() answer { return textAnswer(http.StatusNotFound, "404 - Not Found") }

func (s *Sandbox) issueToken(r *http.Request) answer {
	if r.Method != http.MethodPut {
		return textAnswer(http.StatusMethodNotAllowed, "")
	}
	if r.Header.Get("X-Forwarded-For") != "" {
		return textAnswer(http.StatusForbidden, "403 - Forbidden")
	}
	ttl, err := strconv.Atoi(r.Header.Get(ttlHeader))
	if err != nil || ttl < 1 || ttl > maxTokenTTL {
		return textAnswer(http.StatusBadRequest, "400 - Bad Request")
	}
	token := base64.URLEncoding.EncodeToString([]byte(newRequestID()))
	s.tokens[token] = s.clock.Now().Add(time.Duration(ttl) * time.Second)
	a := textAnswer(http.StatusOK, token)
	a.header.Set(ttlHeader, strconv.Itoa(ttl))
	return a
}

// listing returns the children of a directory, one per line. Directories end in "/".
func listing(tree map[string]string, path string) string {
	prefix := strings.TrimSuffix(path, "/") + "/"
	children := map[string]bool{}
	for leaf := range tree {
		if rest, ok := strings.CutPrefix(leaf, prefix); ok {
			name, _, dir := strings.Cut(rest, "/")
			if dir {
				name += "/"
			}
			children[name] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(children)), "\n")
}

// metadata returns everything under /latest/, by path.
func (s *Sandbox) metadata() map[string]string {
	eni := "meta-data/network/interfaces/macs/" + mac + "/"
	tree := map[string]string{
		"dynamic/instance-identity/document":    s.identity.document,
		"dynamic/instance-identity/signature":   s.identity.signature,
		"meta-data/instance-id":                 s.opts.InstanceID,
		"meta-data/instance-type":               instanceType,
		"meta-data/ami-id":                      imageID,
		"meta-data/local-ipv4":                  privateIP,
		"meta-data/mac":                         mac,
		"meta-data/placement/region":            s.opts.Region,
		"meta-data/placement/availability-zone": s.zone(),
		"meta-data/services/domain":             "amazonaws.com",
		"meta-data/services/partition":          "aws",
		eni + "interface-id":                    interfaceID,
		eni + "local-ipv4s":                     privateIP,
		eni + "security-group-ids":              groupID,
		eni + "subnet-id":                       subnetID,
		eni + "vpc-id":                          vpcID,
	}
	if s.opts.UserData != "" {
		tree["user-data"] = s.opts.UserData
	}
	if s.opts.TagsInIMDS {
		for k, v := range s.instanceTags() {
			tree["meta-data/tags/instance/"+k] = v
		}
	}
	if s.group != nil {
		tree["meta-data/autoscaling/target-lifecycle-state"] = s.group.TargetState
	}
	if !s.opts.NoRole {
		maps.Copy(tree, s.roleMetadata())
	}
	maps.Copy(tree, s.extra)
	return tree
}

func (s *Sandbox) roleMetadata() map[string]string {
	now := s.clock.Now().UTC()
	info, _ := json.Marshal(map[string]string{ // strings only
		"Code": "Success", "LastUpdated": now.Format(time.RFC3339), "InstanceProfileId": "AIPASANDBOXSANDBOX00",
		"InstanceProfileArn": "arn:aws:iam::" + s.opts.AccountID + ":instance-profile/" + roleName,
	})
	creds, _ := json.Marshal(map[string]string{
		"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": now.Format(time.RFC3339),
		"AccessKeyId": accessKeyID, "SecretAccessKey": secretKey, "Token": sessionToken,
		"Expiration": now.Add(6 * time.Hour).Format(time.RFC3339),
	})
	return map[string]string{
		"meta-data/iam/info":                             string(info),
		"meta-data/iam/security-credentials/" + roleName: string(creds),
	}
}

// SetMetadata adds a value below /latest/meta-data/ that the sandbox does not provide, such as spot/instance-action. An
// empty value removes it.
func (s *Sandbox) SetMetadata(path, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.extra["meta-data/"+path] = value
	if value == "" {
		delete(s.extra, "meta-data/"+path)
	}
}

// IdentityDocument returns the document that IMDS serves.
func (s *Sandbox) IdentityDocument() string { return s.identity.document }
