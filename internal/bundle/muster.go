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

// maxFile bounds what is read of a file that should be small, in bytes.
const maxFile = 1 << 20

// read reads a regular file, of which only the beginning or only the end is kept
// if it has more than maxFile.
//
// A log, of which the end is kept, is in a directory to which others may write: it is
// not followed out of there.
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
		_, data, _ = bytes.Cut(data, []byte("\n")) // the first line is only an end
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

// copied is a part with copies of files, by their names in the bundle; one that
// is not there is none.
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

// encoded is a part with a value in JSON.
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

// onlyInstance is the one instance that muster knows of, for when the metadata
// service does not tell which this is; "" where there are none or, in an image
// that was baked from a used instance, more.
func onlyInstance(dir string) string {
	if known, err := os.ReadDir(dir); err == nil && len(known) == 1 {
		return known[0].Name()
	}
	return ""
}

// ownFiles are what bootstrap and verify left, and the moments that these tell
// of.
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

// recorded returns the time of the record of bootstrap.
func recorded(data []byte) []moment {
	var rec record.Record
	if json.Unmarshal(data, &rec) != nil {
		return nil
	}
	return []moment{{rec.At, "muster", "bootstrap configured the instance for cluster " + rec.Cluster, false}}
}

// reported returns the moments in the report of the boot.
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
