package subject

import (
	"bufio"
	"bytes"
	"strings"

	"muster/internal/file/safefile"
)

// OSRelease returns ID and VARIANT_ID of os-release(5).
func (i *Instance) OSRelease() (id, variant string) {
	data, err := safefile.Read(i.Config.Path("/etc/os-release"), MaxSmall)
	if err != nil {
		return "", ""
	}
	return parseOSRelease(data)
}

// parseOSRelease parses ID and VARIANT_ID of os-release(5), with the kinds of quoting that distributions use.
func parseOSRelease(data []byte) (id, variant string) {
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), "=")
		value = strings.Trim(strings.TrimSpace(value), `"'`)
		switch key {
		case "ID":
			id = value
		case "VARIANT_ID":
			variant = value
		}
	}
	return id, variant
}
