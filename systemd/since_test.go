package systemd_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coreos/go-systemd/v22/unit"

	"muster/internal/host/units"
)

// since is the systemd that first knew a directive, or a value of one that the units
// use: the oldest section of systemd's NEWS that names it. ancient is older than 219,
// which Amazon Linux 2 has.
const ancient = 0

var since = map[string]int{
	"Accept":                   ancient,
	"After":                    ancient,
	"AmbientCapabilities":      229,
	"Before":                   ancient,
	"BindPaths":                233,
	"BindReadOnlyPaths":        233,
	"CPUWeight":                232,
	"CapabilityBoundingSet":    ancient,
	"Conflicts":                ancient,
	"DefaultDependencies":      ancient,
	"Description":              ancient,
	"DeviceAllow":              ancient,
	"DevicePolicy":             ancient,
	"DirectoryMode":            ancient,
	"Documentation":            ancient,
	"DynamicUser":              232,
	"Environment":              ancient,
	"ExecReload":               ancient,
	"ExecStart":                ancient,
	"ExecStartPre":             ancient,
	"FileDescriptorName":       227,
	"Group":                    ancient,
	"IPAddressAllow":           235,
	"IPAddressDeny":            235,
	"InaccessiblePaths":        231,
	"KeyringMode":              235,
	"ListenStream":             ancient,
	"LockPersonality":          235,
	"MaxConnections":           ancient,
	"MemoryDenyWriteExecute":   231,
	"MemoryMax":                231,
	"NoNewPrivileges":          ancient,
	"PartOf":                   ancient,
	"PrivateDevices":           ancient,
	"PrivateIPC":               248,
	"PrivateMounts":            239,
	"PrivateNetwork":           ancient,
	"PrivateTmp":               ancient,
	"ProcSubset":               247,
	"ProtectClock":             245,
	"ProtectControlGroups":     232,
	"ProtectHome":              ancient,
	"ProtectHostname":          242,
	"ProtectKernelLogs":        244,
	"ProtectKernelModules":     232,
	"ProtectKernelTunables":    232,
	"ProtectProc":              247,
	"ProtectSystem":            ancient,
	"ReadOnlyPaths":            231,
	"ReadWritePaths":           231,
	"RemainAfterExit":          ancient,
	"RemoveIPC":                232,
	"RemoveOnStop":             ancient,
	"RequiredBy":               ancient,
	"Requires":                 ancient,
	"Restart":                  ancient,
	"RestartPreventExitStatus": ancient,
	"RestartSec":               ancient,
	"RestrictAddressFamilies":  ancient,
	"RestrictNamespaces":       233,
	"RestrictRealtime":         231,
	"RestrictSUIDSGID":         242,
	"RuntimeDirectory":         ancient,
	"RuntimeDirectoryPreserve": 235,
	"Service":                  ancient,
	"SocketGroup":              ancient,
	"SocketMode":               ancient,
	"SocketUser":               ancient,
	"StartLimitIntervalSec":    230,
	"StateDirectory":           235,
	"StateDirectoryMode":       235,
	"SupplementaryGroups":      ancient,
	"SystemCallArchitectures":  ancient,
	"SystemCallErrorNumber":    ancient,
	"SystemCallFilter":         ancient,
	"TasksMax":                 227,
	"TimeoutStartSec":          ancient,
	"TimeoutStopSec":           ancient,
	"Type":                     ancient,
	"UMask":                    ancient,
	"User":                     ancient,
	"WantedBy":                 ancient,
	"Wants":                    ancient,
	"WatchdogSec":              ancient,

	"DynamicUser=yes, StateDirectory=": 235, // in 232 it had no directory to keep a state in
	"ProtectSystem=strict":             232,
	"TimeoutStartSec=infinity":         229,
	"SystemCallFilter=@system-service": 239,
	"Restart=on-failure, Type=oneshot": 244, // refused before: the unit does not load
}

// The oldest systemd is not a guess: it is the first that knows all that the units say.
func TestTheOldestSystemdKnowsEveryDirectiveOfTheUnits(t *testing.T) {
	var files []string
	for _, pattern := range []string{"*.service", "*.socket"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) < 3 {
		t.Fatalf("only %v", files)
	}
	newest, by := 0, ""
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		options, err := unit.DeserializeOptions(strings.NewReader(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range options {
			version, known := since[o.Name]
			if !known {
				t.Errorf("%s: which systemd first knew %s=? Look it up in systemd's NEWS, and add it to the table", file, o.Name)
			}
			if version > newest {
				newest, by = version, file+": "+o.Name+"="
			}
		}
		for rule, version := range since {
			if strings.Contains(rule, "=") && has(options, rule) && version > newest {
				newest, by = version, file+": "+rule
			}
		}
	}
	if newest != units.Oldest {
		t.Errorf("%s needs systemd %d, and units.Oldest is %d", by, newest, units.Oldest)
	}
}

// has reports whether the options have all that the rule names: "Name=value, Name=".
func has(options []*unit.UnitOption, rule string) bool {
	for part := range strings.SplitSeq(rule, ", ") {
		name, value, _ := strings.Cut(part, "=")
		found := false
		for _, o := range options {
			found = found || o.Name == name && (value == "" || o.Value == value)
		}
		if !found {
			return false
		}
	}
	return true
}
