//go:build integration

package integration

import (
	"encoding/json"
	"strings"
	"testing"

	"muster/bootstrap/bootreport"
	"muster/test/systemdtest"
)

// dockerStandin returns files that simulate a healthy Docker Engine without containers, because the machine has no
// Docker. systemd starts one process for each connection.
func dockerStandin() []systemdtest.File {
	const units = "/etc/systemd/system/"
	return []systemdtest.File{
		{
			Path:    units + "engine.socket",
			Mode:    0o644,
			Content: "[Socket]\nListenStream=/run/docker.sock\nAccept=yes\n[Install]\nWantedBy=sockets.target\n",
		},
		{Path: units + "engine@.service", Mode: 0o644, Content: "[Service]\nExecStart=/usr/libexec/engine\nStandardInput=socket\n"},
		{Path: units + "sockets.target.wants/engine.socket", Link: units + "engine.socket"},
		{Path: "/usr/libexec/engine", Mode: 0o755, Content: `#!/bin/sh
answer() {
	printf 'HTTP/1.1 %s\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nContent-Length: %s\r\nConnection: close\r\n\r\n%s' \
		"$1" "${#2}" "$2"
}
read -r request
while read -r header && [ "${#header}" -gt 1 ]; do :; done
case $request in
*_ping*) answer '200 OK' OK ;;
*/containers/json*) answer '200 OK' '[]' ;;
*) answer '404 Not Found' '{"message":"No such container: ecs-agent"}' ;;
esac
`},
	}
}

// verdict returns the report of muster verify once it has stopped waiting.
func (m machine) verdict() (r bootreport.Report) {
	m.t.Helper()
	out, _ := m.Try("/bin/sh", "-c", "/tmp/muster verify --timeout 2s --output json 2>/dev/null")
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		m.t.Fatalf("%v: %s", err, out)
	}
	return r
}

func (m machine) cause(id string, says ...string) {
	m.t.Helper()
	r := m.verdict()
	if r.Cause == nil || r.Cause.ID != id {
		m.t.Fatalf("cause %+v, want %s; evidence %q", r.Cause, id, r.Evidence)
	}
	text := r.Cause.Summary + "\n" + strings.Join(r.Evidence, "\n")
	for _, part := range says {
		if !strings.Contains(text, part) {
			m.t.Errorf("no %q in: %s", part, text)
		}
	}
}

// The test covers the deadlock that muster must detect: user data waits for a unit that systemd starts only after user
// data.
func TestUserDataThatWaitsForTheAgent(t *testing.T) {
	t.Parallel()
	script := "#!/bin/sh\ncp /srv/download/muster /tmp/muster\n/tmp/muster bootstrap --cluster prod\nsystemctl start ecs.service\n"
	files := append(image(t, inGroup()), musterAt(t, "/srv/download/muster"))
	m := boot(t, append(append(files, dockerStandin()...), systemdtest.UserData(instanceID, script)...))
	m.Await("user data to wait for ecs.service", func() bool {
		out, _ := m.Try("pgrep", "-f", "systemctl start ecs.service")
		return out != ""
	})
	m.cause(
		"ecs-unit-waiting",
		"waits for user data",
		"ecs.service: loaded, inactive (dead), enabled, restarts 0, start job waiting",
		"cloud-final.service: loaded, activating (start)",
	)

	m.Run("pkill", "-f", "systemctl start ecs.service")
	m.state("ecs.service", "active", "running")
	m.state("muster-verify.service", "active", "exited")
	for _, step := range []struct{ command, id, says string }{
		{"systemctl stop ecs && systemctl disable ecs", "ecs-unit-not-started", "inactive (dead), disabled"},
		{"systemctl mask --runtime ecs", "ecs-unit-held-back", "masked-runtime"},
		{"systemctl unmask --runtime ecs && mv /usr/lib/systemd/system/ecs.service /srv && systemctl mask ecs", "ecs-unit-masked",
			"masked, inactive"},
		{"systemctl unmask ecs && systemctl daemon-reload", "ecs-unit-missing", "not-found"},
		{"sed -i s,^ExecStart=.*,ExecStart=/bin/false, /srv/ecs.service; mv /srv/ecs.service /usr/lib/systemd/system; systemctl " +
			"daemon-reload; systemctl start ecs; sleep 1", "ecs-unit-restarting", "auto-restart"},
	} {
		m.Run("/bin/sh", "-c", step.command)
		m.cause(step.id, step.says)
	}
}

// A settings file that only root can read stops the agent. Its error must name the fix.
func TestTheAgentNamesTheModeOfASettingsFileItMayNotRead(t *testing.T) {
	t.Parallel()
	m := boot(t, bare(t, "--cluster prod"))
	m.joined("record of bootstrap on this instance")
	m.Run("chmod", "600", "/etc/muster/muster.env")
	_, _ = m.Try("systemctl", "restart", "muster-agent")
	m.state("muster-agent.service", "failed", "failed")
	if got := m.property("muster-agent.service", "ExecMainStatus"); got != "78" {
		m.t.Errorf("it ended with %s", got)
	}
	if said := m.Run(
		"journalctl",
		"--unit=muster-agent",
		"--no-pager",
	); !strings.Contains(said, "its mode is 0600") ||
		!strings.Contains(said, "chmod 644 /etc/muster/muster.env") {
		m.t.Error(said)
	}
}
