package dockerapi

import (
	"encoding/json"
	"strings"

	"muster/internal/file/safefile"
)

// maxSettings limits the bytes read of daemon.json.
const maxSettings = 1 << 20

// DataRoot returns the directory of Docker's images and containers: data-root in the daemon.json at path, or the
// default.
func DataRoot(path string) string {
	var settings struct {
		Root string `json:"data-root"`
	}
	data, err := safefile.Read(path, maxSettings)
	if err == nil && json.Unmarshal(data, &settings) == nil && strings.HasPrefix(settings.Root, "/") {
		return settings.Root
	}
	return "/var/lib/docker"
}
