//go:build linux

package main

func clockRows() []row    { return nil }
func limitRows() []row    { return nil }
func signalRows() []row   { return nil }
func killRows() []row     { return nil }
func togetherRows() []row { return nil }
