package bundle_test

import (
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var entry = regexp.MustCompile(
	`<li( class="ill")?><time>(.*?)</time><span class="since">\+(.*?)</span><span class="who">(.*?)</span><span ` +
		`class="said">(.*?)</span></li>`,
)

// bootSection returns the section about the boot.
func bootSection(t *testing.T, page string) string {
	t.Helper()
	_, rest, found := strings.Cut(page, "<h2>The boot</h2>")
	section, _, ended := strings.Cut(rest, "</ol>")
	if !found || !ended {
		t.Fatalf("the page tells no boot: %s", page)
	}
	return section
}

// Events of one boot from files, units and logs are sorted by time. "!" marks failures. Log lines of earlier boots are
// omitted.
func TestTimelineIsSorted(t *testing.T) {
	_, files := unpacked(t, sick(t))
	section := bootSection(t, files["report.html"])
	if !strings.Contains(section, "Since 2026-01-02 03:00:00, in UTC.") {
		t.Errorf("when it began is not reported: %.200s", section)
	}
	var got []string
	for _, m := range entry.FindAllStringSubmatch(section, -1) {
		mark := " "
		if m[1] != "" {
			mark = "!"
		}
		got = append(got, mark+m[2]+" "+m[4]+": "+html.UnescapeString(m[5]))
		clock, err := time.Parse(time.TimeOnly, m[2])
		since, wrong := time.ParseDuration(m[3])
		midnight := clock.Truncate(24 * time.Hour)
		if err != nil || wrong != nil || (clock.Sub(midnight)-3*time.Hour-since).Abs() > time.Second {
			t.Errorf("%s is not %s after 03:00:00 (%v, %v)", m[2], m[3], err, wrong)
		}
	}
	want := []string{
		" 03:00:00 kernel: the kernel starts",
		" 03:00:04 cloud-init: cloud-init init-local begins",
		" 03:00:05 cloud-init: cloud-init init-local ended",
		" 03:00:06 systemd: docker.service starts",
		" 03:00:09 systemd: docker.service is active",
		" 03:00:12 cloud-init: cloud-init modules-final begins",
		" 03:00:14 muster: bootstrap configured the instance for cluster prd",
		" 03:00:16 cloud-init: cloud-init modules-final ended",
		" 03:00:17 muster: verify began to wait for the registration",
		" 03:00:18 systemd: ecs.service starts",
		" 03:00:19 systemd: ecs.service is active",
		"!03:00:38 ecs-agent.log: Error registering container instance: ClientException: Cluster not found (3 times)",
		"!03:00:41 ecs-init.log: Agent exited with code 5",
		"!03:00:42 systemd: ecs.service failed: exit-code",
		"!03:00:45 muster: verify ended: the instance did not register in cluster prd",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n := strings.Count(section, "<li"); n != len(want) {
		t.Errorf("%d entries, of which %d are as expected", n, len(got))
	}
	const earlier = "Registered container instance with cluster!" // from 2025
	if !strings.Contains(files["logs/ecs-agent.log"], earlier) || strings.Contains(section, earlier) {
		t.Error("an earlier boot is reported, or its log is not there")
	}
}
