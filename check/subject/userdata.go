package subject

import (
	"cmp"
	"context"
	"os"
	"strings"

	"muster/internal/base/cluster"
	"muster/internal/host/cloudinit"
	"muster/internal/host/ecsconfig"
)

// UserDataForm returns possible reasons why ecs.config names no cluster: the format of user data, cloud-init's logs,
// and files next to ecs.config. It never quotes user data. It returns nil if nothing is wrong.
func (i *Instance) UserDataForm(ctx context.Context) (evidence []string) {
	evidence = i.FormFlaws(ctx)
	failures, _ := cloudinit.Failures(i.Config.Root)
	for _, f := range failures {
		if !f.Ignored {
			evidence = append(evidence, f.Text)
		}
	}
	if boot, err := cloudinit.Read(i.Config.Root); err == nil && boot.DataSource == cloudinit.NoDataSource {
		evidence = append(evidence, "user data never ran: cloud-init found no data source at boot (DataSourceNone)")
	}
	return Bounded(append(evidence, i.misplaced()...))
}

// lookalikes lists files that people write instead of /etc/ecs/ecs.config, and that no program reads.
var lookalikes = []string{"/etc/ecs/ecs.conf", "/etc/ecs/ecs.cfg", "/etc/ecs/config", "/etc/ecs/agent.config", "/etc/ecs/ecs-config",
	"/etc/ecs/ecs.config.txt", "/etc/ecs/ecs.config.d/ecs.config", "/etc/ecs/ecs_config", "/etc/ecs.config", "/etc/ecs.conf",
	"/etc/ecs/ecs.env",
	"/etc/default/ecs", "/etc/sysconfig/ecs", "/ecs.config", "/root/ecs.config", "/etc/ecs/ECS.config", "/etc/ecs/ecs.config.rpmsave"}

// misplaced returns the lookalikes that name a cluster.
func (i *Instance) misplaced() []string {
	var seen []string
	for _, path := range lookalikes {
		info, err := os.Stat(i.Config.Path(path))
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		file, err := i.AgentFile(path)
		if err != nil {
			continue
		}
		if name := clusterIn(file); name != "" {
			seen = append(seen, path+" names "+name+", but the ECS agent does not read that file")
		}
	}
	return seen
}

// clusterIn returns the cluster in the file, for display. It is empty if the value is not a valid cluster name.
func clusterIn(file *ecsconfig.File) string {
	value, set := file.Get("ECS_CLUSTER")
	if !set {
		value, set = file.Get("export ECS_CLUSTER")
	}
	_, err := cluster.Parse(value)
	switch {
	case !set:
		return ""
	case err != nil:
		return "a cluster"
	}
	return "cluster " + cmp.Or(value, cluster.Default)
}

// NoUserData is the reason, which is not a flaw, why ecs.config names no cluster on an instance without user data.
const NoUserData = "the instance has no user data"

// FormFlaws returns the properties of user data's format that prevent it from running, and what cloud-init logged when
// it ignored user data. If cloud-init ran scripts from it, a format that only newer versions accept is not a flaw.
func (i *Instance) FormFlaws(ctx context.Context) []string {
	var flaws []string
	if i.userData != nil && i.NoIdentity == nil {
		data, there, err := i.userData.UserData(ctx)
		switch {
		case err != nil:
		case !there || len(data) == 0:
			flaws = []string{NoUserData}
		default:
			flaws = cloudinit.Flaws(data)
		}
	}
	taken := cloudinit.RanScripts(i.Config.Root)
	var kept []string
	for _, flaw := range flaws {
		if !taken || strings.Contains(flaw, "carriage return") {
			kept = append(kept, flaw)
		}
	}
	failures, _ := cloudinit.Failures(i.Config.Root)
	for _, f := range failures {
		if f.Ignored {
			kept = append(kept, f.Text)
		}
	}
	return kept
}

// MisplacedName returns the cluster that the misplaced files name, if they agree.
func (i *Instance) MisplacedName() string {
	found := map[string]bool{}
	last := ""
	for _, path := range lookalikes {
		file, err := i.AgentFile(path)
		if err != nil {
			continue
		}
		name, _ := file.Get("ECS_CLUSTER")
		if name = ecsconfig.LikelyCluster(name); name != "" {
			found[name], last = true, name
		}
	}
	if len(found) != 1 {
		return ""
	}
	return last
}
