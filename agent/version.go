package agent

import (
	"context"
	"strings"
	"time"

	"muster/internal/fleet/inventory"
)

// versionPatience limits how long a cycle waits for ECS. It is below the watchdog's timeout.
const versionPatience = 15 * time.Second

// versionAgain is the time until a failed attempt is repeated.
const versionAgain = time.Hour

// publishedVersion is where the version of this process was published.
type publishedVersion struct {
	on     string    // ARN of the container instance
	failed time.Time // the last attempt; zero if it succeeded
}

// publishVersion sets the attribute muster.version of this container instance, once ECS has confirmed that it is this
// one. The attribute cannot come from ecs.config: the ECS agent registers ECS_INSTANCE_ATTRIBUTES only once in the life of
// a container instance (https://github.com/aws/amazon-ecs-agent/issues/713), so it would be wrong after an upgrade.
func (a *Agent) publishVersion(ctx context.Context) {
	self, last := a.shared.confirmedSelf(), &a.loop.version
	if a.Attributes == nil || a.Provisional || self.ARN == "" || self.ARN == last.on ||
		!last.failed.IsZero() && time.Since(last.failed) < versionAgain {
		return
	}
	ctx, stop := context.WithTimeout(ctx, versionPatience)
	defer stop()
	value := attributeValue(a.Version)
	if err := a.Attributes.PutAttribute(ctx, self.Cluster, self.ARN, inventory.VersionAttribute, value); err != nil {
		if last.failed.IsZero() {
			a.Log.Warn("attribute "+inventory.VersionAttribute+" was not set: "+err.Error(), "phase", "version")
		}
		last.failed = time.Now()
		return
	}
	*last = publishedVersion{on: self.ARN}
	a.Log.Info("set attribute "+inventory.VersionAttribute+"="+value+" of this container instance", "phase", "version")
}

// attributeValue replaces what ECS does not allow in the value of an attribute: it allows up to 128 letters, digits and
// -_.@/\\: and blanks (API reference, Attribute).
func attributeValue(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("-_.@/:", r):
			return r
		}
		return '-'
	}, text)
	return text[:min(len(text), 128)]
}
