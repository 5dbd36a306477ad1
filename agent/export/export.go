// Package export writes the published values to files for other collectors, because muster itself listens on no port.
// The files are a textfile for Prometheus' node exporter, and a custom inventory for Systems Manager. Both have the
// same values.
//
//	Crashes of service web in cluster prod     muster_crashes_total{cluster="prod",service="web"} 3
//	MemoryUsed, in percent                     muster_memory_used_ratio 0.87
package export

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"muster/internal/file/jsonfile"
)

// mode lets the collectors read the files, because they run as other users. The files contain no secrets.
const mode os.FileMode = 0o644

// Sample is one value.
type Sample struct {
	Metric string // name in CloudWatch: MemoryUsed
	Unit   string // unit in CloudWatch: Count, Percent, Bytes or Milliseconds
	// Counter is true if the value is a sum since the agent started. Otherwise it is a current value.
	Counter          bool
	Cluster, Service string
	Value            float64
}

// Name returns the sample's name in Prometheus style: with base units, and with _total for a counter
// (https://prometheus.io/docs/practices/naming/).
func (s Sample) Name() string {
	name := "muster_" + snake(s.Metric)
	switch s.Unit {
	case "Percent":
		name += "_ratio"
	case "Bytes":
		name += "_bytes"
	case "Milliseconds":
		name += "_seconds"
	}
	if s.Counter {
		name += "_total"
	}
	return name
}

// base returns the value in the base unit.
func (s Sample) base() float64 {
	switch s.Unit {
	case "Percent":
		return s.Value / 100
	case "Milliseconds":
		return s.Value / 1000
	}
	return s.Value
}

// snake converts OOMKills to oom_kills.
func snake(name string) string {
	letters := []rune(name)
	var b strings.Builder
	for i, r := range letters {
		word := i > 0 && unicode.IsUpper(r) && (unicode.IsLower(letters[i-1]) || i+1 < len(letters) && unicode.IsLower(letters[i+1]))
		if word {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// Textfile replaces the file at path with the samples, in Prometheus' text format. info holds the labels of
// muster_info.
func Textfile(path string, at time.Time, info map[string]string, samples []Sample) error {
	return jsonfile.Replace(path, Text(at, info, samples), mode)
}

// Text returns the content of Textfile. The names are sorted, each with one HELP and one TYPE.
func Text(at time.Time, info map[string]string, samples []Sample) []byte {
	var b bytes.Buffer
	var labels []string
	for name, value := range info {
		labels = append(labels, name+`="`+escape(value)+`"`)
	}
	slices.Sort(labels)
	head(&b, "muster_info", "Version of muster and its instance.", "gauge")
	fmt.Fprintf(&b, "muster_info{%s} 1\n", strings.Join(labels, ","))
	head(&b, "muster_written_timestamp_seconds", "Time at which muster-agent wrote this file.", "gauge")
	fmt.Fprintf(&b, "muster_written_timestamp_seconds %d\n", at.Unix())
	samples = slices.Clone(samples)
	slices.SortStableFunc(samples, func(x, y Sample) int {
		return cmp.Or(cmp.Compare(x.Name(), y.Name()), cmp.Compare(x.Cluster, y.Cluster), cmp.Compare(x.Service, y.Service))
	})
	last := ""
	for _, s := range samples {
		if math.IsNaN(s.Value) || math.IsInf(s.Value, 0) {
			continue
		}
		if name := s.Name(); name != last {
			last = name
			kind := "gauge"
			if s.Counter {
				kind = "counter"
			}
			head(&b, name, "The metric "+s.Metric+" of docs/reference/metrics.md.", kind)
		}
		b.WriteString(last)
		b.WriteString(s.labels())
		b.WriteString(" " + strconv.FormatFloat(s.base(), 'g', -1, 64) + "\n")
	}
	return b.Bytes()
}

func head(b *bytes.Buffer, name, help, kind string) {
	fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

func (s Sample) labels() string {
	var all []string
	if s.Cluster != "" {
		all = append(all, `cluster="`+escape(s.Cluster)+`"`)
	}
	if s.Service != "" {
		all = append(all, `service="`+escape(s.Service)+`"`)
	}
	if all == nil {
		return ""
	}
	return "{" + strings.Join(all, ",") + "}"
}

// escape quotes a label's value (Prometheus, "Exposition formats").
func escape(value string) string {
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`).Replace(strings.ToValidUTF8(value, "\uFFFD"))
}

// TypeName is the name of the inventory type in Systems Manager.
const TypeName = "Custom:Muster"

// maxValue limits a value of the inventory, in bytes. Systems Manager accepts 4096 characters for an attribute.
const maxValue = 1024

// Inventory replaces the file at path with an inventory of these facts and the samples of the whole cluster. The format
// is the one that the SSM agent reads from INSTANCE_ID/inventory/custom (Systems Manager user guide, "Working with
// custom inventory"). All values are strings.
func Inventory(path string, facts map[string]string, samples []Sample) error {
	content := map[string]string{}
	for name, value := range facts {
		content[name] = clip(value)
	}
	for _, s := range samples {
		if s.Service == "" && !math.IsNaN(s.Value) {
			content[s.Metric] = strconv.FormatFloat(s.Value, 'f', -1, 64)
		}
	}
	return jsonfile.Write(path, struct {
		SchemaVersion string
		TypeName      string
		Content       map[string]string
	}{"1.0", TypeName, content}, mode)
}

func clip(value string) string {
	return strings.ToValidUTF8(value[:min(len(value), maxValue)], "\uFFFD")
}
