// Package checks holds the manual's pages on the checks, one a check, so that the
// binary carries them to where there is no internet.
package checks

import (
	"embed"
	"io/fs"
)

//go:embed *.md
var pages embed.FS

// Pages are the pages; that of the check imds is imds.md.
func Pages() fs.FS { return pages }
