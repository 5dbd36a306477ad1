package facts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"muster/internal/base/fix"
	"muster/internal/file/safefile"
	"muster/internal/report/ports"
)

const (
	// maxSize limits the size of a file. 10,000 peers take about 10 MB.
	maxSize = 64 << 20
	// maxPeers and maxRules limit the cost of evaluating a file.
	maxPeers = 20_000
	maxRules = 1_000_000
)

// Facts is the content of a file.
type Facts struct {
	Question ports.Question // without Needs; Listened belongs to Selection
	// Selection is the set of profiles and ports that was evaluated when the facts were read.
	Selection string
	Version   string // muster's version; may be empty
	Edited    bool   // the file was edited after muster wrote it
	Path      string
}

// Read reads the file at path.
func Read(path string) (*Facts, error) {
	data, err := safefile.Read(path, maxSize)
	switch {
	case errors.Is(err, safefile.ErrTooLarge):
		return nil, unusable(path, fmt.Errorf("the file is larger than %d MB", maxSize>>20))
	case err != nil:
		return nil, fix.Wrap(fmt.Errorf("reading the facts: %w", err), again())
	}
	f, err := parse(data)
	if err != nil {
		return nil, unusable(path, err)
	}
	f.Path = path
	return f, nil
}

func unusable(path string, err error) error {
	return fix.Wrap(fmt.Errorf("%s: these facts cannot be used: %w", path, err), again())
}

func again() fix.Fix {
	return fix.Do("Read the facts again:", "muster ports --cluster NAME --save FACTS.json")
}

// Age returns the age of the facts.
func (f *Facts) Age(now time.Time) time.Duration { return now.Sub(f.Question.At) }

func parse(data []byte) (*Facts, error) {
	if err := header(data); err != nil {
		return nil, err
	}
	var d document
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields() // an unknown field may affect a verdict
	if err := decoder.Decode(&d); err != nil {
		return nil, at(data, decoder, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: unexpected data after the document", line(data, decoder.InputOffset()))
	}
	if err := d.bounded(); err != nil {
		return nil, err
	}
	q, err := d.question()
	if err != nil {
		return nil, err
	}
	digest, err := d.digest()
	return &Facts{Question: q, Selection: d.Ports, Version: d.Version, Edited: digest != d.Digest}, err
}

// header rejects other files and other versions before their fields are checked.
func header(data []byte) error {
	var h struct {
		Schema *int   `json:"schema"`
		Kind   string `json:"kind"`
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(&h); err != nil {
		return at(data, decoder, err)
	}
	switch {
	case h.Kind != kind:
		return errors.New("the file was not written by muster ports --save")
	case h.Schema == nil || *h.Schema < 1:
		return errors.New("the file has no schema version")
	case *h.Schema != Schema:
		return fmt.Errorf("the file has schema %d, and this muster reads schema %d: use the muster that wrote it", *h.Schema, Schema)
	}
	return nil
}

// at adds the position in the file to an error.
func at(data []byte, decoder *json.Decoder, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the file is truncated: it ends after %d bytes, within the document", len(data))
	case errors.As(err, &syntax):
		return fmt.Errorf("%s: %w", line(data, syntax.Offset), err)
	case errors.As(err, &kind):
		return fmt.Errorf("%s: %s cannot be a %s", line(data, kind.Offset), kind.Field, kind.Value)
	}
	if field, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
		return fmt.Errorf("%s: unknown field %s", line(data, int64(bytes.Index(data, []byte(field)))), field)
	}
	return fmt.Errorf("%s: %w", line(data, decoder.InputOffset()), err)
}

func line(data []byte, offset int64) string {
	offset = min(max(offset, 0), int64(len(data)))
	return fmt.Sprintf("line %d", bytes.Count(data[:offset], []byte("\n"))+1)
}

func (d *document) bounded() error {
	rules := 0
	for _, g := range d.Groups {
		rules += len(g.Rules)
	}
	for _, a := range d.ACLs {
		rules += len(a.Entries)
	}
	switch {
	case len(d.Peers)+len(d.Balancers) > maxPeers:
		return fmt.Errorf("%d peers: at most %d are evaluated", len(d.Peers)+len(d.Balancers), maxPeers)
	case rules > maxRules:
		return fmt.Errorf("%d rules: at most %d are evaluated", rules, maxRules)
	}
	return nil
}
