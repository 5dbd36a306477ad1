// Package checks embeds the manual pages of the checks, one per check, so that they are available offline.
package checks

import (
	"embed"
	"io/fs"
)

//go:embed *.md
var pages embed.FS

// Pages returns the pages. The page of the check imds is imds.md.
func Pages() fs.FS { return pages }
