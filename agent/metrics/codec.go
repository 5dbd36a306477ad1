package metrics

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"slices"
	"time"
)

// A minute on disk, numbers as uvarints unless said otherwise:
//
//	version (a byte), minutes since 1970,
//	texts: their number, then each with its length,
//	data: their number, then each as
//	    name<<2 | integer<<1 | same   a name is the number of a text
//	    unit
//	    unless same as the datum before: the number of dimensions, then name and value of each
//	    the value: if integer, itself, else as IEEE 754 in 8 bytes,
//	CRC-32 (Castagnoli) of all that, in 4 bytes.
const (
	version  = 1
	crcLen   = 4
	same     = 1
	integer  = 2
	flagBits = 2
	// maxInteger is what a uvarint says in fewer bytes than a float.
	maxInteger = 1 << 49
)

var errDamaged = errors.New("it is cut off or was changed")

func checksum(data []byte) uint32 { return crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)) }

// encode writes a minute.
func encode(m Minute) []byte {
	w := writer{numbers: map[string]uint64{}}
	w.number(uint64(len(m.Data)))
	for i, d := range m.Data {
		w.datum(d, i > 0 && slices.Equal(d.Dimensions, m.Data[i-1].Dimensions))
	}
	return frame(m.At, w.texts, w.body)
}

type writer struct {
	body    []byte
	texts   []string
	numbers map[string]uint64 // of the texts
}

func (w *writer) number(n uint64) { w.body = binary.AppendUvarint(w.body, n) }

// text numbers the texts in the order of their first use.
func (w *writer) text(text string) uint64 {
	n, known := w.numbers[text]
	if !known {
		n = uint64(len(w.texts))
		w.numbers[text], w.texts = n, append(w.texts, text)
	}
	return n
}

func (w *writer) datum(d Datum, repeats bool) {
	head := w.text(d.Name) << flagBits
	whole := d.Value >= 0 && d.Value < maxInteger && d.Value == math.Trunc(d.Value)
	if repeats {
		head |= same
	}
	if whole {
		head |= integer
	}
	w.number(head)
	w.number(w.text(d.Unit))
	if !repeats {
		w.number(uint64(len(d.Dimensions)))
		for _, dim := range d.Dimensions {
			w.number(w.text(dim.Name))
			w.number(w.text(dim.Value))
		}
	}
	if whole {
		w.number(uint64(d.Value))
	} else {
		w.body = binary.LittleEndian.AppendUint64(w.body, math.Float64bits(d.Value))
	}
}

// frame puts the texts, which are known last, before the data.
func frame(at time.Time, texts []string, body []byte) []byte {
	out := binary.AppendUvarint([]byte{version}, uint64(at.Unix()/60))
	out = binary.AppendUvarint(out, uint64(len(texts)))
	for _, text := range texts {
		out = append(binary.AppendUvarint(out, uint64(len(text))), text...)
	}
	out = append(out, body...)
	return binary.LittleEndian.AppendUint32(out, checksum(out))
}

// decode reads a minute, whatever the bytes are: it is errDamaged if they are
// not all that encode wrote.
func decode(data []byte) (Minute, error) {
	n := len(data) - crcLen
	if n < 1 || data[0] != version || checksum(data[:n]) != binary.LittleEndian.Uint32(data[n:]) {
		return Minute{}, errDamaged
	}
	r := reader{rest: data[1:n]}
	at := time.Unix(int64(r.number())*60, 0).UTC()
	r.texts = make([]string, 0, r.count())
	for range cap(r.texts) {
		r.texts = append(r.texts, string(r.take(r.count())))
	}
	m := Minute{at, make([]Datum, r.count())}
	for i := range m.Data {
		var before []Dimension
		if i > 0 {
			before = m.Data[i-1].Dimensions
		}
		m.Data[i] = r.datum(before)
	}
	if r.bad || len(r.rest) > 0 {
		return Minute{}, errDamaged
	}
	return m, nil
}

// reader takes bytes apart; once it is bad it returns zeros.
type reader struct {
	rest  []byte
	texts []string
	bad   bool
}

func (r *reader) number() uint64 {
	n, width := binary.Uvarint(r.rest)
	if width <= 0 {
		r.bad, r.rest, n, width = true, nil, 0, 0
	}
	r.rest = r.rest[width:]
	return n
}

// count is a number of things of which each takes a byte at least: it is bad
// above the bytes that there are, so that nobody can ask for much memory.
func (r *reader) count() int {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.bad, n = true, 0
	}
	return int(n)
}

func (r *reader) take(n int) []byte {
	if n > len(r.rest) {
		r.bad = true
		return make([]byte, n)
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) text(number uint64) string {
	if number >= uint64(len(r.texts)) {
		r.bad = true
		return ""
	}
	return r.texts[number]
}

func (r *reader) datum(before []Dimension) Datum {
	head := r.number()
	d := Datum{Name: r.text(head >> flagBits), Unit: r.text(r.number()), Dimensions: before}
	if head&same == 0 {
		d.Dimensions = make([]Dimension, r.count())
		for i := range d.Dimensions {
			d.Dimensions[i] = Dimension{Name: r.text(r.number()), Value: r.text(r.number())}
		}
	}
	if head&integer != 0 {
		d.Value = float64(r.number())
	} else {
		d.Value = math.Float64frombits(binary.LittleEndian.Uint64(r.take(8)))
	}
	return d
}
