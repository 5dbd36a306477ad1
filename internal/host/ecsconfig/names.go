package ecsconfig

import (
	"strings"

	"muster/internal/base/nearest"
)

// isName reports whether key is a POSIX name. It is called several times per line, so a regular expression would be too
// slow.
func isName(key string) bool {
	for i := range len(key) {
		c := key[i]
		letter := c == '_' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
		if !letter && (i == 0 || c < '0' || '9' < c) {
			return false
		}
	}
	return key != ""
}

// settingPrefixes are the prefixes of setting names.
var settingPrefixes = []string{"ECS", "NON_ECS", "NONECS", "AWS_DEFAULT", "DOCKER_HOST", "HTTP", "NO_PROXY"}

// canonical returns the known key that differs from name only in case, hyphens and dots, or "".
func canonical(name string) string {
	if byName[name] != nil {
		return name
	}
	if upper := strings.ToUpper(underscored.Replace(name)); byName[upper] != nil {
		return upper
	}
	return ""
}

var underscored = strings.NewReplacer("-", "_", ".", "_")

// meant returns the known key that the author probably meant by name: name itself, its canonical key, or the nearest
// key. It returns "" if no key is near.
func meant(name string) string {
	if known := canonical(name); known != "" {
		return known
	}
	if len(name) < 4 || len(name) > 80 {
		return ""
	}
	upper := strings.ToUpper(name)
	if known := embeddedKey(upper); known != "" {
		return known
	}
	if byName["ECS_"+upper] != nil { // CLUSTER=prod
		return "ECS_" + upper
	}
	for _, prefix := range settingPrefixes {
		if strings.HasPrefix(upper, prefix) {
			return nearestKey(upper, prefix == "ECS")
		}
	}
	return mistypedPrefix(upper)
}

// embeddedKey finds a known agent key inside a name with extra text before or after it: infoECS_CLUSTER, ECS_CLUSTERNAME.
func embeddedKey(upper string) string {
	best := ""
	for i := range keys {
		known := keys[i].Name
		// Shorter names are part of too many other names.
		if len(known) > len(best) && len(known) >= len("ECS_CLUSTER") &&
			(strings.HasSuffix(upper, known) || strings.HasPrefix(upper, known)) {
			best = known
		}
	}
	return best
}

// nearestKey returns the known key with the fewest differences. It allows more typing errors in names that begin with
// ECS, because users rarely have their own variables with that prefix.
func nearestKey(upper string, generous bool) string {
	near := nearest.Of(upper, Keys())
	if len(near) == 0 || !generous && !slip(upper, near[0]) {
		return ""
	}
	return near[0]
}

func slip(upper, known string) bool {
	return len(nearest.Of(upper, []string{known})) > 0 && abs(len(upper)-len(known)) <= 2
}

func abs(n int) int { return max(n, -n) }

// mistypedPrefix finds ECS_CLUSTER for ESC_CLUSTER.
func mistypedPrefix(upper string) string {
	head, tail, ok := strings.Cut(upper, "_")
	if !ok || len(head) > 5 {
		return ""
	}
	if known := "ECS_" + tail; byName[known] != nil && len(nearest.Of(head, []string{"ECS"})) > 0 {
		return known
	}
	if head == "ESC" || head == "EC" || head == "CS" || head == "ECSS" {
		return nearestKey("ECS_"+tail, true)
	}
	return ""
}
