package ami_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// root is the root file system of an image.
type root string

// image is a clean one, with what no cleaning may take.
func image(t *testing.T) root {
	t.Helper()
	r := root(t.TempDir())
	for _, kept := range []string{"/etc/muster/muster.env", "/etc/ssh/sshd_config", "/etc/ecs/other", "/root/.ssh/config", "/var/lib/ecs/deps",
		"/var/lib/amazon/ssm/other", "/var/log/messages"} {
		r.put(t, kept, "kept")
	}
	r.put(t, "/etc/machine-id", "")
	for _, empty := range []string{"/var/lib/muster", "/var/lib/private/muster-agent", "/run/muster", "/run/muster-agent", "/var/lib/ecs/data",
		"/var/log/ecs", "/var/log/journal"} {
		if err := os.MkdirAll(string(r)+empty, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func (r root) put(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(string(r)+path), 0o755), os.WriteFile(string(r)+path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// holds are all paths with their texts; directories end in "/".
func (r root) holds(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(string(r), func(path string, d fs.DirEntry, err error) error {
		name := path[len(r):]
		switch {
		case err != nil:
			return err
		case d.IsDir():
			all[name+"/"] = ""
		case d.Type() == fs.ModeSymlink:
			all[name], err = os.Readlink(path)
		default:
			all[name] = string(read(t, path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// run is what a script says of the root, and its exit code.
func (r root) run(t *testing.T, script string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", string(read(t, "../../scripts/"+script)), script,
		string(r)) // read here: go test then knows of it
	said, err := cmd.CombinedOutput()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(said), cmd.ProcessState.ExitCode()
}

// cleaned runs clean-image, after which there is nothing to complain of.
func (r root) cleaned(t *testing.T) {
	t.Helper()
	for _, script := range []string{"clean-image", "assert-image-clean"} {
		if said, code := r.run(t, script); said != "" || code != 0 {
			t.Errorf("%s: exit %d: %s", script, code, said)
		}
	}
}

func TestAnImageIsNotCleanWithAnythingOfAnotherInstance(t *testing.T) {
	const ran, cluster, login, key = "cloud-init's mark that user data has run", "the cluster of another instance",
		"a login that every instance would accept", "a host key that every instance would share"
	for _, left := range []struct{ path, said, why string }{
		{"/var/lib/muster/bootstrap.json", "/var/lib/muster", "muster's records of another instance"},
		{"/var/lib/private/muster-agent/spool/1", "/var/lib/private/muster-agent", "metrics of another instance, which would be sent again"},
		{"/run/muster/lock", "/run/muster", "the lock and the state of a running instance"},
		{"/run/muster-agent/state.json", "/run/muster-agent", "the state of a running agent"},
		{"/etc/ecs/ecs.config", "", cluster},
		{"/etc/ecs/ecs.config.json", "", cluster},
		{"/var/lib/ecs/data/agent.db", "/var/lib/ecs/data", "the ECS agent's registration (agent.db)"},
		{"/var/log/ecs/ecs-agent.log", "/var/log/ecs", "the ECS agent's log of another boot, whose errors muster would report"},
		{"/var/log/journal/4f2a/system.journal", "/var/log/journal", "the journal of another instance"},
		{"/var/lib/cloud/instance/boot-finished", "/var/lib/cloud/instance", ran},
		{"/var/lib/cloud/instances/i-0/sem/config_scripts_user", "/var/lib/cloud/instances", ran},
		{"/var/lib/cloud/sem/config_scripts_per_once.once", "/var/lib/cloud/sem", "cloud-init's mark of what it does only once"},
		{"/var/lib/systemd/random-seed", "", "a seed that every instance would share"},
		{"/run/cloud-init/result.json", "", "cloud-init's result of another boot"},
		{"/var/log/cloud-init-output.log", "", "the output of user data, which may hold secrets"},
		{"/var/lib/amazon/ssm/registration", "", "the SSM registration of another instance"},
		{"/etc/ssh/ssh_host_ed25519_key", "", key},
		{"/etc/ssh/ssh_host_rsa_key.pub", "", key},
		{"/root/.ssh/authorized_keys", "", login},
		{"/home/ec2-user/.ssh/authorized_keys", "", login},
		{"/etc/machine-id", "", "an identity that every instance would share"},
	} {
		t.Run(left.path[1:], func(t *testing.T) {
			t.Parallel()
			if left.said == "" {
				left.said = left.path
			}
			r := image(t)
			r.put(t, left.path, "of another instance\n")
			if said, code := r.run(t, "assert-image-clean"); said != left.said+": "+left.why+"\n" || code != 1 {
				t.Errorf("exit %d: %s", code, said)
			}
			r.cleaned(t)
		})
	}
}

// As cloud-init leaves it; in an image that is mounted it points nowhere.
func TestAnImageIsNotCleanWithALinkToNowhere(t *testing.T) {
	r := image(t)
	r.put(t, "/var/lib/cloud/seed", "")
	if err := os.Symlink("/nowhere/i-0", string(r)+"/var/lib/cloud/instance"); err != nil {
		t.Fatal(err)
	}
	if said, code := r.run(t, "assert-image-clean"); said != "/var/lib/cloud/instance: cloud-init's mark that user data has run\n" ||
		code != 1 {
		t.Errorf("exit %d: %s", code, said)
	}
	r.cleaned(t)
}

// Among it what assert-image-clean does not ask for.
func TestCleaningTakesAllThatIsOfAnInstanceAndNothingElse(t *testing.T) {
	r := image(t)
	want := r.holds(t)
	for _, path := range []string{
		"/var/lib/muster/.hidden", "/var/lib/muster-agent/spool", "/run/log/journal/4f2a/system.journal", "/var/lib/cloud/sem/once",
		"/run/cloud-init/status.json",
		"/var/log/cloud-init.log", "/root/.bash_history", "/var/lib/dbus/machine-id", "/var/lib/systemd/random-seed",
	} {
		r.put(t, path, "of another instance")
	}
	for _, dir := range []string{"/var/lib/dbus/", "/var/lib/systemd/", "/run/log/", "/run/log/journal/"} {
		want[dir] = ""
	}
	r.cleaned(t)
	if diff := cmp.Diff(want, r.holds(t)); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsNoImageIsNeitherCleanNorCleaned(t *testing.T) {
	for _, script := range []string{"clean-image", "assert-image-clean"} {
		r := root(t.TempDir())
		r.put(t, "/run/muster/lock", "")
		if said, code := r.run(t, script); said != script+": "+string(r)+" is not a root file system: it has no /etc\n" || code != 2 {
			t.Errorf("exit %d: %s", code, said)
		}
		if _, err := os.Stat(string(r) + "/run/muster/lock"); err != nil {
			t.Error(err)
		}
	}
}
