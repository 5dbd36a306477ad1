package fieldcase

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
)

// marked splits the name of a section from its marks: "root/a [crlf] [mode=0600]".
var (
	marked  = regexp.MustCompile(`^(.*?)((?: \[[^\]]+\])*)$`)
	oneMark = regexp.MustCompile(`\[([^\]]+)\]`)
)

// maxSize limits [size=N]. The files are sparse, but the disk is in memory.
const maxSize = 1 << 40

// unmark applies the marks that follow the name of a section to the section's data.
func unmark(name string, data []byte) (File, error) {
	parts := marked.FindStringSubmatch(name)
	if parts == nil {
		return File{}, fmt.Errorf("the name has a line break")
	}
	f := File{Name: parts[1], Data: data, Mode: 0o644}
	for _, m := range oneMark.FindAllStringSubmatch(parts[2], -1) {
		key, value, _ := strings.Cut(m[1], "=")
		if err := f.mark(key, value); err != nil {
			return File{}, err
		}
	}
	return f, nil
}

func (f *File) mark(key, value string) (err error) {
	switch key {
	case "no-newline":
		f.Data = bytes.TrimSuffix(f.Data, []byte("\n"))
	case "crlf":
		f.Data = bytes.ReplaceAll(f.Data, []byte("\n"), []byte("\r\n"))
	case "utf16":
		f.Data = toUTF16(f.Data)
	case "base64":
		f.Data, err = base64.StdEncoding.DecodeString(strings.TrimSpace(string(f.Data)))
	case "empty":
		f.Data = nil
	case "dir":
		f.Dir = true
	case "fifo":
		f.FIFO = true
	case "link":
		f.Link, err = inside(f.Name, value)
	case "size":
		f.Size, err = strconv.ParseInt(value, 10, 64)
		if err == nil && (f.Size < 0 || f.Size > maxSize) {
			err = fmt.Errorf("mark [size=%s] is not between 0 and %d", value, maxSize)
		}
	case "mode":
		var v uint64
		v, err = strconv.ParseUint(value, 8, 12)
		f.Mode = os.FileMode(v)
	default:
		err = fmt.Errorf("unknown mark [%s]", key)
	}
	return err
}

// inside makes the target of a link relative, so that it is the same inside and outside the instance's root directory.
// The section's name begins with root/.
func inside(name, target string) (string, error) {
	_, below, _ := strings.Cut(name, "/")
	dir := path.Dir(below)
	full := path.Join(dir, target)
	if path.IsAbs(target) {
		full = strings.TrimPrefix(path.Clean(target), "/")
	}
	if target == "" || !filepath.IsLocal(full) {
		return "", fmt.Errorf("mark [link=%s]: the target is not on the instance's disk", target)
	}
	return filepath.Rel(dir, full)
}

// toUTF16 encodes text as UTF-16, little endian, with a byte order mark.
func toUTF16(data []byte) []byte {
	out := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(string(data))) {
		out = binary.LittleEndian.AppendUint16(out, u)
	}
	return out
}
