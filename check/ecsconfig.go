package check

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"muster/internal/cluster"
	"muster/internal/ecsconfig"
	"muster/internal/fix"
	"muster/internal/kernel"
)

// ecsConfig reads ecs.config as ecs-init does, and says where that is not what
// was meant.
func (w World) ecsConfig(context.Context) []Finding {
	path := w.Config.Path(w.Config.ECSConfig)
	file, err := w.agentConfig(w.Config.ECSConfig)
	if err != nil {
		return CouldNotLook(err, fix.Do("run it as root: sudo muster debug"))
	}
	problems := file.Problems()
	found := w.clusterConfigured(path, file, problems)
	if len(found) > 0 { // that says all about these lines
		problems = slices.DeleteFunc(problems, func(p ecsconfig.Problem) bool { return p.Key == "ECS_CLUSTER" })
	}
	found = slices.Concat(found, misread(path, problems), invalid(path, problems), w.otherRegion(path, file), w.tooMuchReserved(path, file))
	if len(found) > 0 {
		return found
	}
	name, _ := file.Get("ECS_CLUSTER")
	return Passed(fmt.Sprintf("%s names cluster %s; %d settings are read as they are meant", path, name, len(file.Keys())))
}

// clusterConfigured compares the cluster that the agent reads with the one that
// is wanted. Where a line was meant to name it and is misread, that is the cause.
func (w World) clusterConfigured(path string, file *ecsconfig.File, problems []ecsconfig.Problem) []Finding {
	reads, _ := file.Get("ECS_CLUSTER")
	wanted, origin := w.wanted()
	_, err := cluster.Parse(reads)
	switch bad := misnamed(path, problems); {
	case err == nil && (wanted == "" || sameCluster(reads, wanted)):
		return nil
	case len(bad) > 0:
		return []Finding{{ID: "ecs-config-misread", Status: Fail, Summary: bad[0], Evidence: append(bad[1:], fmt.Sprintf("the ECS agent reads cluster %+q", reads)), Fix: fix.Do(repair(wanted))}}
	case reads == "" && wanted == "":
		return []Finding{{ID: "cluster-unset", Status: Warn, Summary: path + " names no cluster: the ECS agent joins the one called default", Fix: fix.Do(repair(""))}}
	case reads == "":
		return []Finding{{ID: "cluster-unset", Status: Fail, Summary: fmt.Sprintf("%s names no cluster, so the ECS agent joins the one called default, not %s", path, wanted),
			Evidence: []string{wanted + " is from " + origin}, Fix: fix.Do(repair(wanted))}}
	}
	return []Finding{{ID: "other-cluster-configured", Status: Fail, Summary: fmt.Sprintf("%s:%d: ECS_CLUSTER names %+q, not %s", path, file.Line("ECS_CLUSTER"), reads, wanted),
		Evidence: []string{wanted + " is from " + origin}, Fix: fix.Do(repair(wanted))}}
}

func repair(wanted string) string {
	if wanted == "" || strings.Trim(wanted, `"'`) != wanted {
		wanted = "NAME"
	}
	return "muster bootstrap --reset-stale-state --cluster " + wanted + " rewrites the lines and restarts the ECS agent"
}

// misnamed are the lines that were meant to name the cluster, and do not.
func misnamed(path string, problems []ecsconfig.Problem) (lines []string) {
	for _, p := range problems {
		if p.Key == "ECS_CLUSTER" && p.Repair != "" {
			lines = append(lines, line(path, p))
		}
	}
	return lines
}

func line(path string, p ecsconfig.Problem) string {
	return strings.Join(strings.Fields(fmt.Sprintf("%s:%d: %s %s", path, p.Line, p.Key, p.What)), " ")
}

// fatal are the keys whose value ends the agent with code 1 when it is not the
// JSON that it should be (agent/config/parse.go).
func fatal(p ecsconfig.Problem) bool {
	return p.Repair == "" && slices.Contains([]string{"ECS_INSTANCE_ATTRIBUTES", "ECS_CONTAINER_INSTANCE_TAGS", "ECS_AWSVPC_ADDITIONAL_LOCAL_ROUTES"}, p.Key)
}

// misread is a warning: the agent starts all the same.
func misread(path string, problems []ecsconfig.Problem) []Finding {
	var lines []string
	for _, p := range problems {
		if !fatal(p) {
			lines = append(lines, line(path, p))
		}
	}
	return first("ecs-config-misread", Warn, lines, "muster bootstrap repairs what it can; the rest by hand; then: systemctl restart ecs")
}

func invalid(path string, problems []ecsconfig.Problem) []Finding {
	var lines []string
	for _, p := range problems {
		if fatal(p) {
			lines = append(lines, line(path, p))
		}
	}
	return first("ecs-config-invalid", Fail, lines, "correct it, then: systemctl restart ecs; with such a value the ECS agent exits")
}

// first makes the first line the summary, and the others evidence.
func first(id string, status Status, lines []string, remedy string) []Finding {
	if len(lines) == 0 {
		return nil
	}
	return []Finding{{ID: id, Status: status, Summary: lines[0], Evidence: bounded(lines[1:]), Fix: fix.Do(remedy)}}
}

// maxLines bounds what is said of many things of one kind.
const maxLines = 10

func bounded(lines []string) []string {
	if len(lines) <= maxLines {
		return lines
	}
	return append(slices.Clone(lines[:maxLines]), fmt.Sprintf("and %d more", len(lines)-maxLines))
}

func (w World) otherRegion(path string, file *ecsconfig.File) []Finding {
	region, _ := file.Get("AWS_DEFAULT_REGION")
	if region == "" || w.Identity.Region == "" || region == w.Identity.Region {
		return nil
	}
	return []Finding{{ID: "wrong-region", Status: Fail, Summary: fmt.Sprintf("%s:%d: AWS_DEFAULT_REGION=%s, but this instance is in %s: the ECS agent looks for its cluster in the wrong region", path, file.Line("AWS_DEFAULT_REGION"), region, w.Identity.Region),
		Fix: fix.Do("take AWS_DEFAULT_REGION out of " + path + ", then: systemctl restart ecs")}}
}

// tooMuchReserved compares as the agent does, in MiB
// (ecs-agent/api/ecs/client/ecs_client.go, getResources).
func (w World) tooMuchReserved(path string, file *ecsconfig.File) []Finding {
	text, _ := file.Get("ECS_RESERVED_MEMORY")
	reserved, err := strconv.ParseUint(text, 10, 64)
	told, _ := kernel.ReadFile(w.Config.Path("/proc/meminfo"))
	memory, unknown := kernel.ParseMemory(told)
	total := memory.Total >> 20 // MiB
	if err != nil || unknown != nil || reserved <= total {
		return nil
	}
	return []Finding{{ID: "reserved-memory-above-ram", Status: Fail, Summary: fmt.Sprintf("%s:%d: ECS_RESERVED_MEMORY=%d, and this instance has %d MiB of memory", path, file.Line("ECS_RESERVED_MEMORY"), reserved, total),
		Fix: fix.Do("lower ECS_RESERVED_MEMORY, then: systemctl restart ecs")}}
}
