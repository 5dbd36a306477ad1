package metrics

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"time"

	"muster/internal/file/jsonfile"
)

// A file of the spool is one line: the CRC-32 (Castagnoli) in hex, then JSON:
//
//	5f0c21aa {"at":1772359200,"groups":[{"dimensions":[{"Name":"ClusterName","Value":"prod"}],
//	  "data":[{"name":"Crashes","unit":"Count","value":0}, ...]}, ...]}
//
// (without the line break). The JSON is gzipped if it does not fit into a disk block, because the spool must hold a day
// of 500 services.

var errDamaged = errors.New("it is cut off or was changed")

// crcLen is the length of the checksum and the following space.
const crcLen = 9

// seal prepends the checksum.
func seal(text []byte) []byte {
	return append(fmt.Appendf(nil, "%08x ", crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli))), text...)
}

// unseal removes the checksum. It returns errDamaged if the checksum is wrong.
func unseal(data []byte) ([]byte, error) {
	if len(data) < crcLen || !bytes.Equal(seal(data[crcLen:]), data) {
		return nil, errDamaged
	}
	return data[crcLen:], nil
}

// storedMinute is the format of a Minute on disk. Consecutive data points with the same dimensions form a group.
type storedMinute struct {
	At     int64         `json:"at"` // Unix seconds
	Groups []storedGroup `json:"groups"`
}

type storedGroup struct {
	Dimensions []Dimension   `json:"dimensions"`
	Data       []storedDatum `json:"data"`
}

type storedDatum struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit"`
	Value float64 `json:"value"`
}

// encode encodes a minute.
func encode(m Minute) []byte {
	stored := storedMinute{At: m.unix()}
	for i, d := range m.Data {
		if i == 0 || !slices.Equal(d.Dimensions, m.Data[i-1].Dimensions) {
			stored.Groups = append(stored.Groups, storedGroup{Dimensions: d.Dimensions})
		}
		last := &stored.Groups[len(stored.Groups)-1]
		last.Data = append(last.Data, storedDatum{d.Name, d.Unit, d.Value})
	}
	text, err := jsonfile.Line(stored)
	if err != nil {
		panic(err) // a Builder accepts no value that JSON cannot encode
	}
	if len(text)+crcLen > block {
		text = compress(text)
	}
	return seal(text)
}

func compress(text []byte) []byte {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	_, _ = zip.Write(text) // a bytes.Buffer never fails
	_ = zip.Close()
	return out.Bytes()
}

// decode decodes a minute. It returns errDamaged unless encode could have written the bytes.
func decode(data []byte) (Minute, error) {
	text, err := unseal(data)
	if err != nil {
		return Minute{}, err
	}
	if zip, err := gzip.NewReader(bytes.NewReader(text)); err == nil {
		if text, err = io.ReadAll(io.LimitReader(zip, maxFile)); err != nil {
			return Minute{}, errDamaged
		}
	}
	var stored storedMinute
	if json.Unmarshal(text, &stored) != nil {
		return Minute{}, errDamaged
	}
	m := Minute{At: time.Unix(stored.At, 0).UTC()}
	for _, group := range stored.Groups {
		for _, d := range group.Data {
			m.Data = append(m.Data, Datum{Name: d.Name, Unit: d.Unit, Value: d.Value, Dimensions: group.Dimensions})
		}
	}
	return m, nil
}
