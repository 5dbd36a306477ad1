package jsonfile

import (
	"encoding/json"
	"io"

	"muster/internal/term"
)

// Marshal returns value as an indented JSON document with a final newline. The document is safe for a terminal: control,
// bidi and invisible characters in strings are escaped as \uXXXX.
func Marshal(value any) ([]byte, error) {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(term.InertJSON(data), '\n'), nil
}

// Line is Marshal on one line, without a newline.
func Line(value any) ([]byte, error) {
	data, err := json.Marshal(value)
	return term.InertJSON(data), err
}

// Print writes the result of Marshal.
func Print(out io.Writer, value any) error {
	data, err := Marshal(value)
	if err != nil {
		return err
	}
	_, err = out.Write(data)
	return err
}
