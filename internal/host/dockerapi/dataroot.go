package dockerapi

import (
	"encoding/json"
	"strings"

	"muster/internal/file/safefile"
)

// maxSettings bounds what is read of daemon.json, in bytes.
const maxSettings = 1 << 20

// DataRoot is where Docker keeps images and containers: data-root of its daemon.json, which is at path, or the default.
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
