//go:build e2e

package integration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"muster/test/systemdtest"
)

// releases is where the machine serves its releases.
const releases = "http://127.0.0.1:8099"

const releaseService = `[Unit]
Before=cloud-final.service

[Service]
ExecStart=/usr/bin/python3 -m http.server --bind 127.0.0.1 --directory /srv/releases 8099

[Install]
WantedBy=multi-user.target
`

// release returns the files of a release, and of a server for it: the package, its signed checksums, and install with
// the public key. tamper changes the package after it was signed.
func release(t *testing.T, version string, key *ecdsa.PrivateKey, tamper func(string) string) []systemdtest.File {
	t.Helper()
	at := "/srv/releases/" + version + "/"
	name := "muster_" + version + "_amd64.deb"
	content := deb(t, version, "").Content
	sums := fmt.Sprintf("%x  %s\n", sha256.Sum256([]byte(content)), name)
	digest := sha256.Sum256([]byte(sums))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return []systemdtest.File{
		{Path: at + name, Mode: 0o644, Content: tamper(content)},
		{Path: at + "muster-" + version + "-SHA256SUMS", Mode: 0o644, Content: sums},
		{Path: at + "muster-" + version + "-SHA256SUMS.sig", Mode: 0o644, Content: base64.StdEncoding.EncodeToString(signature) + "\n"},
		{Path: at + "install", Mode: 0o755, Content: installScript(t, key)},
	}
}

// installScript returns scripts/install with the public key.
func installScript(t *testing.T, key *ecdsa.PrivateKey) string {
	t.Helper()
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.TrimSpace(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})))
	script := fileOf(t, "../../scripts/install", "", 0).Content
	with := strings.Replace(script, "\nkey=''\n", "\nkey='"+text+"'\n", 1)
	if with == script {
		t.Fatal("scripts/install has no line for the key")
	}
	return with
}

// releasing boots a machine without muster, whose user data is release.sh for the older version.
func releasing(t *testing.T, tamper func(string) string) machine {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	asIs := func(content string) string { return content }
	files := append(image(t, inGroup(), signalSettings()...), release(t, olderVersion, key, tamper)...)
	files = append(files, release(t, newerVersion, key, asIs)...)
	const unit = "/usr/lib/systemd/system/releases.service"
	files = append(files, systemdtest.File{Path: unit, Mode: 0o644, Content: releaseService},
		systemdtest.File{Path: "/etc/systemd/system/multi-user.target.wants/releases.service", Link: unit})
	script := strings.NewReplacer(
		"https://github.com/OWNER/muster/releases/download/vVERSION", releases+"/"+olderVersion,
		"VERSION", olderVersion,
		"SHA256-OF-INSTALL", fmt.Sprintf("%x", sha256.Sum256([]byte(installScript(t, key)))),
	).Replace(shipped(t, "release.sh"))
	return packaged(t, systemdtest.Image, files, script)
}

func TestPackagedAReleaseIsInstalledUpgradedDowngradedAndRemoved(t *testing.T) {
	t.Parallel()
	m := releasing(t, func(content string) string { return content })
	m.signaled("record of bootstrap on this instance")
	install := func(version string) string {
		return m.Run("sh", "-c", "sh /srv/releases/"+version+"/install --version "+version+" --from "+releases+"/"+version+" 2>&1")
	}
	if said := install(olderVersion); !strings.Contains(said, "version 0.1.0 is already installed") {
		t.Errorf("the second run says: %s", said)
	}
	for _, version := range []string{newerVersion, olderVersion} {
		if said := install(version); !strings.Contains(said, "version "+version+" is installed") {
			t.Errorf("%s: %s", version, said)
		}
		if got := m.Run("muster", "--version"); !strings.Contains(got, version) {
			t.Errorf("%s: muster --version says %s", version, got)
		}
		m.state("muster-agent.service", "active", "running")
	}
	said, err := m.Try("muster", "debug") // the machine has no Docker
	if first, _, _ := strings.Cut(said, "\n"); err == nil || !strings.Contains(first, "Docker") {
		t.Errorf("muster debug says: %s", said)
	}
	m.Run("dpkg", "--purge", "muster")
	m.state("ecs.service", "active", "running")
	if said, err := m.Try("muster", "--version"); err == nil {
		t.Errorf("muster is still there: %s", said)
	}
}

// The trap of release.sh holds the ECS agent back, so that it does not join the cluster "default".
func TestPackagedATamperedReleaseIsNotInstalled(t *testing.T) {
	t.Parallel()
	m := releasing(t, func(content string) string {
		changed := []byte(content)
		changed[len(changed)/2] ^= 1
		return string(changed)
	})
	m.settle("degraded")
	m.neverRan()
	said := m.Run("journalctl", "-b", "-u", "cloud-final.service", "-o", "cat")
	if !strings.Contains(said, "the checksum of muster_0.1.0_amd64.deb is ") || !strings.Contains(said, "do not install it") {
		t.Errorf("user data said: %s", said)
	}
	if said, err := m.Try("dpkg", "--status", "muster"); err == nil {
		t.Errorf("the package is installed: %s", said)
	}
	if got := m.property("ecs.service", "LoadState"); got != "masked" {
		t.Errorf("ecs.service is %s", got)
	}
}
