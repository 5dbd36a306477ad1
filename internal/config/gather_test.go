package config

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestSettingsFileSetsUnsetLibraryVariables(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, FilePath)
	text := "MUSTER_CLUSTER=prod\nAWS_REGION=eu-west-1\nAWS_PROFILE=file\n"
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_REGION", "") // restored after the test
	if err := os.Unsetenv("AWS_REGION"); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_PROFILE", "environment")
	set, err := Gather(map[string]string{"MUSTER_ROOT": root})
	if err != nil || set.Bad != nil || set.File.Values["MUSTER_CLUSTER"] != "prod" {
		t.Fatalf("%+v, %v", set, err)
	}
	if os.Getenv("AWS_REGION") != "eu-west-1" || os.Getenv("AWS_PROFILE") != "environment" {
		t.Errorf("AWS_REGION=%s AWS_PROFILE=%s", os.Getenv("AWS_REGION"), os.Getenv("AWS_PROFILE"))
	}
}
