package jsonfile

import (
	"encoding/json"
	"io"

	"muster/internal/term"
)

// Marshal is value as an indented document that ends with a line end. Whatever the
// strings in it contain, the document is inert on a terminal and means the same:
// controls, bidi and invisible characters are escaped as \uXXXX.
func Marshal(value any) ([]byte, error) {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(term.InertJSON(data), '\n'), nil
}

// Line is Marshal on one line, without its end.
func Line(value any) ([]byte, error) {
	data, err := json.Marshal(value)
	return term.InertJSON(data), err
}

// Print writes what Marshal returns.
func Print(out io.Writer, value any) error {
	data, err := Marshal(value)
	if err != nil {
		return err
	}
	_, err = out.Write(data)
	return err
}
