//go:build !linux

package ena

func interfaces() ([]string, error) { return nil, nil }

func statistics(string) (sum uint64, known bool, err error) { return 0, false, nil }
