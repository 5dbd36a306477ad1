package ena

import (
	"encoding/binary"
	"errors"
	"testing"
)

// copied is what the kernel copies for statistics with these names: of linux/ethtool.h.
func copied(names []string, values ...uint64) (n, v []byte) {
	for _, name := range names {
		field := make([]byte, nameLen)
		copy(field, name)
		n = append(n, field...)
	}
	for _, value := range values {
		v = binary.NativeEndian.AppendUint64(v, value)
	}
	return n, v
}

// The names are those of the EC2 user guide, "Metrics for the ENA driver".
func TestTheAllowancesAddUp(t *testing.T) {
	all := []string{"tx_timeout", "bw_in_allowance_exceeded", "bw_out_allowance_exceeded", "pps_allowance_exceeded",
		"conntrack_allowance_exceeded", "linklocal_allowance_exceeded", "conntrack_allowance_available", "queue_0_tx_cnt"}
	for name, c := range map[string]struct {
		names  []string
		values []uint64
		want   uint64
		known  bool
	}{
		"an ENA":               {all, []uint64{9, 1, 2, 4, 8, 16, 1000, 5}, 31, true},
		"an ENA within bounds": {all, []uint64{0, 0, 0, 0, 0, 0, 9999, 5}, 0, true},
		"an older driver":      {[]string{"tx_timeout", "queue_0_tx_cnt"}, []uint64{9, 9}, 0, false},
		"fewer values":         {all, []uint64{9, 1}, 1, true},
		"nothing":              {nil, nil, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got, known := exceeded(copied(c.names, c.values...)); got != c.want || known != c.known {
				t.Errorf("got %d, %v", got, known)
			}
		})
	}
}

// The kernel of this machine is asked; the interfaces that it has are its own.
func TestThisMachineAnswersOrHasNone(t *testing.T) {
	if _, err := Exceeded(); err != nil && !errors.Is(err, ErrNone) {
		t.Error(err)
	}
}

func FuzzExceeded(f *testing.F) {
	names, values := copied([]string{"pps_allowance_exceeded"}, 1)
	f.Add(names, values)
	f.Fuzz(func(t *testing.T, names, values []byte) {
		if sum, known := exceeded(names, values); sum != 0 && !known {
			t.Errorf("%d of nothing", sum)
		}
	})
}
