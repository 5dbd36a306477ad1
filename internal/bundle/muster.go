package bundle

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"muster/bootstrap/bootreport"
	"muster/internal/file/jsonfile"
	"muster/internal/file/safefile"
	"muster/internal/instance/record"
)

// maxFile is the maximum number of bytes to read from a file.
const maxFile = 1 << 20

// read reads a regular file. If the file is larger than maxFile, read returns only its beginning or, if end is true,
// only its end.
//
// With end, the file is a log in a directory that other users may write to, so symbolic links that lead out of the
// directory are not followed.
func read(path string, end bool) (data []byte, cut bool, err error) {
	opened, err := open(path, end)
	if err != nil {
		return nil, false, err
	}
	defer opened.Close()
	info, err := opened.Stat()
	if err != nil {
		return nil, false, err
	}
	cut = info.Size() > maxFile
	if cut && end {
		data, err = io.ReadAll(io.NewSectionReader(opened, info.Size()-maxFile, maxFile))
		_, data, _ = bytes.Cut(data, []byte("\n")) // drop the first line, which is incomplete
		return data, cut, err
	}
	data, err = io.ReadAll(io.LimitReader(opened, maxFile))
	return data, cut, err
}

func open(path string, log bool) (*os.File, error) {
	if log {
		return safefile.OpenIn(filepath.Dir(path), filepath.Base(path))
	}
	return safefile.Open(path)
}

// copied returns a part with copies of files. Each element of names is the name in the bundle and the path. Files that
// do not exist are skipped.
func copied(of kind, end bool, names ...[2]string) part {
	var p part
	var errs []error
	for _, it := range names {
		data, cut, err := read(it[1], end)
		if err == nil {
			p.files = append(p.files, file{it[0], it[1], data, of, cut})
		} else if !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	p.err = errors.Join(errs...)
	return p
}

// encoded returns a part with one file: value as JSON.
func encoded(name, source string, value any) part {
	data, err := jsonfile.Marshal(value)
	if err != nil {
		return part{err: err}
	}
	return part{files: []file{{name: name, source: source, data: data, kind: object}}}
}

func checks(_ context.Context, s Source) part {
	if s.JSON == nil {
		return part{}
	}
	var out bytes.Buffer
	err := s.JSON(&out)
	return part{files: []file{{name: "results.json", source: "muster debug", data: out.Bytes(), kind: object}}, err: err}
}

func portMatrix(_ context.Context, s Source) part {
	if s.Ports == nil {
		return part{}
	}
	return encoded("ports.json", "muster ports", s.Ports)
}

func settings(_ context.Context, s Source) part {
	return encoded("settings.json", "muster config show", s.Config.Show())
}

// onlyInstance returns the id of the only instance that muster has data for, or "" if there is none or, in an image
// made from a used instance, more than one. It is used if the metadata service is unavailable.
func onlyInstance(dir string) string {
	if known, err := os.ReadDir(dir); err == nil && len(known) == 1 {
		return known[0].Name()
	}
	return ""
}

// ownFiles returns the files that bootstrap and verify wrote, and the moments in them.
func ownFiles(_ context.Context, s Source) part {
	id := cmp.Or(s.InstanceID, onlyInstance(s.Config.InstanceDir("")), "unknown")
	dir := s.Config.InstanceDir(id)
	p := copied(object, false, [2]string{"muster/bootstrap.json", filepath.Join(dir, "bootstrap.json")},
		[2]string{"muster/report.json", s.Config.ReportPath(id)})
	for _, f := range p.files {
		if strings.HasSuffix(f.name, "bootstrap.json") {
			p.story.moments = append(p.story.moments, recorded(f.data)...)
		} else {
			p.story.moments = append(p.story.moments, reported(f.data)...)
		}
	}
	return p
}

// recorded returns the moment at which bootstrap wrote its record.
func recorded(data []byte) []moment {
	var rec record.Record
	if json.Unmarshal(data, &rec) != nil {
		return nil
	}
	return []moment{{rec.At, "muster", "bootstrap configured the instance for cluster " + rec.Cluster, false}}
}

// reported returns the moments from the boot report.
func reported(data []byte) []moment {
	var r bootreport.Report
	if json.Unmarshal(data, &r) != nil {
		return nil
	}
	ended := r.StartedAt.Add(time.Duration(r.WaitedSeconds * float64(time.Second)))
	bad := r.Outcome != bootreport.Registered && r.Outcome != bootreport.Deferred
	return []moment{
		{r.StartedAt, "muster", "verify began to wait for the registration", false},
		{ended, "muster", "verify ended: " + cmp.Or(r.Reason, string(r.Outcome)), bad},
	}
}
