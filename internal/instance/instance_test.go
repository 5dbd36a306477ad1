package instance

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"muster/internal/base/exitcode"
	"muster/internal/config"
	"muster/internal/host/imds"
	"muster/internal/instance/record"
	"muster/internal/sandbox"
	"muster/test/observe"
)

func TestOpenLoadsTheRecordOfThisInstance(t *testing.T) {
	_, h := boxed(t, map[string]string{"MUSTER_TIMEOUT": "1m"})
	before, err := h.Open(t.Context(), Glance)
	if err != nil || before.Record.InstanceID != "" || !before.NeverBootstrapped() {
		t.Fatalf("%+v, %v", before, err)
	}
	dir := before.Config.InstanceDir(before.Identity.InstanceID)
	left := record.Record{
		InstanceID: before.Identity.InstanceID,
		Cluster:    "tagged",
		Settings:   map[string]string{"MUSTER_PORTS": "ignite2", "MUSTER_TIMEOUT": "9m"},
	}
	if err := left.Write(dir); err != nil {
		t.Fatal(err)
	}
	i, err := h.Open(t.Context(), Glance)
	if err != nil || i.Config.Ports != "ignite2" || i.Config.Timeout.String() != "1m0s" || i.Cluster() != "tagged" ||
		i.NeverBootstrapped() {
		t.Errorf("%+v, %v", i, err)
	}
	if again, err := h.Of(i.Identity); err != nil || again.Config.Ports != "ignite2" || again.Identity != i.Identity {
		t.Errorf("%+v, %v", again, err)
	}
	if other, err := h.Of(imds.Identity{InstanceID: "i-0other"}); err != nil || other.Config.Ports != "" {
		t.Errorf("the record of another instance: %+v, %v", other, err)
	}
}

func TestDamagedRecordIsLoggedAndNotAnError(t *testing.T) {
	_, h := boxed(t, nil)
	i, err := h.Open(t.Context(), Glance)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(i.Config.InstanceDir(i.Identity.InstanceID), "bootstrap.json")
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("{"), 0o600)); err != nil {
		t.Fatal(err)
	}
	var log observe.Journal
	i, err = h.Glance(t.Context(), log.Logger())
	if err != nil || i.Damage == nil || log.Count(path) != 1 {
		t.Errorf("%v, %v, %s", i.Damage, err, &log)
	}
}

func TestWithoutAMetadataServiceOnlyTheSettingsAreUsed(t *testing.T) {
	for name, c := range map[string]struct {
		fault func(*sandbox.Sandbox)
		env   string
		says  string
	}{
		"nothing answers":           {(*sandbox.Sandbox).IMDSDown, "", "assuming that this is not an EC2 instance"},
		"turned off by environment": {func(*sandbox.Sandbox) {}, "true", "continuing without the record of bootstrap: "},
	} {
		t.Run(name, func(t *testing.T) {
			box, h := boxed(t, map[string]string{"MUSTER_CLUSTER": "prod"})
			c.fault(box)
			t.Setenv("AWS_EC2_METADATA_DISABLED", c.env)
			var log observe.Journal
			i, err := h.Glance(t.Context(), log.Logger())
			if err != nil || i.NoIdentity == nil || i.Identity != (imds.Identity{}) || i.Cluster() != "prod" || log.Count(c.says) != 1 {
				t.Errorf("%+v, %v, %s", i, err, &log)
			}
		})
	}
}

func TestInvalidSettingsFailBeforeAnyRequest(t *testing.T) {
	box, h := boxed(t, map[string]string{"MUSTER_TIMEOUT": "ten"})
	_, err := h.Open(t.Context(), Glance)
	if exitcode.Of(err) != exitcode.BadConfiguration || !strings.Contains(err.Error(), "flag --timeout: MUSTER_TIMEOUT") {
		t.Error(err)
	}
	if n := len(box.LocalRequests()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestUnreadableSettingsFileIsReportedByLoad(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, config.FilePath), 0o755); err != nil { // a directory
		t.Fatal(err)
	}
	h := New(func() (config.Set, error) { return config.Gather(map[string]string{"MUSTER_ROOT": root}) })
	set, err := h.Settings()
	if err != nil || set.Bad == nil {
		t.Fatalf("%+v, %v", set, err)
	}
	if _, err := h.Load(set); exitcode.Of(err) != exitcode.BadConfiguration {
		t.Error(err)
	}
}
