package fit

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
)

//go:embed eni.txt
var eniTable string

// interfaces maps an instance type to the maximum number of interfaces without and with a trunk.
var interfaces = sync.OnceValue(func() map[string][2]int {
	out := map[string][2]int{}
	for line := range strings.Lines(eniTable) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] != "#" {
			plain, _ := strconv.Atoi(fields[1])
			trunk, _ := strconv.Atoi(fields[2])
			out[fields[0]] = [2]int{plain, trunk}
		}
	}
	return out
})

// TaskInterfaces returns how many tasks in awsvpc mode an instance of this type can run, and whether AWS's page lists
// the type. An instance has a trunk if it has the attribute ecs.awsvpc-trunk-id (developer guide,
// task-placement-constraints).
func TaskInterfaces(kind string, trunk bool) (limit int, known bool) {
	limits, known := interfaces()[kind]
	if trunk {
		return limits[1], known
	}
	return limits[0], known
}
