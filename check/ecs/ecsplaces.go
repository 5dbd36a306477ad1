package ecs

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"muster/check"
	"muster/check/subject"
	"muster/internal/base/cluster"
	"muster/internal/base/fix"
	"muster/internal/host/ecsconfig"
	"muster/internal/host/kernel"
	"muster/internal/redact"
)

// otherPlace returns a finding for a region that is not the instance's. Another finding reports text that is not a
// region at all.
func (g Group) otherPlace(s *subject.Settings) []check.Finding {
	v, _ := s.Get("AWS_DEFAULT_REGION")
	if v.Origin == ecsconfig.FromDefault || !cluster.IsRegion(v.Text) || g.Identity.Region == "" || v.Text == g.Identity.Region {
		return nil
	}
	return []check.Finding{{Kind: WrongRegion, Status: check.Fail,
		Summary:  fmt.Sprintf("%s: AWS_DEFAULT_REGION is %s, but this instance is in %s", v.Where(), v.Text, g.Identity.Region),
		Evidence: []string{"the ECS agent looks for its cluster in " + v.Text},
		Fix:      removeSetting(v)}}
}

// removeSetting returns the fix that removes a setting from the place where it was read.
func removeSetting(v ecsconfig.Value) fix.Fix {
	if v.Origin == ecsconfig.FromContainer {
		return fix.Do("Start the ECS agent as a service, without "+v.Key+" in its container's environment:", subject.RestartECS)
	}
	if v.Origin != ecsconfig.FromFile {
		return fix.Do("Remove "+v.Key+" from "+v.Where()+", then restart the ECS agent:", subject.RestartECS)
	}
	return subject.RemoveKey(v.Key, v.File)
}

// tooMuchReserved compares memory as the agent does, in MiB (ecs-agent/api/ecs/client/ecs_client.go, getResources).
func (g Group) tooMuchReserved(s *subject.Settings) []check.Finding {
	v, _ := s.Get("ECS_RESERVED_MEMORY")
	reserved, err := strconv.ParseUint(v.Text, 10, 64)
	text, _ := kernel.ReadFile(g.Config.Path("/proc/meminfo"))
	memory, unknown := kernel.ParseMemory(text)
	total := memory.Total >> 20 // MiB
	if err != nil || unknown != nil || reserved <= total {
		return nil
	}
	return []check.Finding{{Kind: ReservedMemoryAboveRam, Status: check.Fail,
		Summary:  fmt.Sprintf("%s: ECS_RESERVED_MEMORY=%d, but this instance has only %d MiB of memory", v.Where(), reserved, total),
		Evidence: []string{"the ECS agent does not register an instance that reserves more memory than it has"},
		Fix: fix.Do(fmt.Sprintf("Lower ECS_RESERVED_MEMORY below %d in %s, then restart the ECS agent:", total, v.Where()),
			subject.RestartECS)}}
}

// otherTargets returns findings for settings that send the ECS agent to another endpoint or another Docker Engine. If
// the agent has registered, they are intended.
func (g Group) otherTargets(ctx context.Context, s *subject.Settings) []check.Finding {
	var found []check.Finding
	if v, ok := s.Get("ECS_BACKEND_HOST"); ok && v.Text != "" && !g.endpointOfECS(v.Text) {
		found = append(found, check.Finding{Kind: BackendHostSet, Status: check.Fail, Fix: removeSetting(v),
			Summary:  v.Where() + ": ECS_BACKEND_HOST sends the ECS agent to " + redact.Value(v.Key, v.Text),
			Evidence: []string{"this is not an ECS endpoint in " + g.Identity.Region}})
	}
	if v, ok := s.Get("DOCKER_HOST"); ok && v.Origin != ecsconfig.FromDefault && !g.dockerSocket(v.Text) {
		found = append(found, check.Finding{Kind: DockerHostSet, Status: check.Fail, Fix: removeSetting(v),
			Summary:  v.Where() + ": DOCKER_HOST sends the ECS agent to " + redact.Value(v.Key, v.Text),
			Evidence: []string{"this is not the Docker Engine of this instance, /var/run/docker.sock"}})
	}
	if len(found) > 0 && g.Registered(ctx) {
		for i := range found {
			found[i].Status = check.Warn
		}
	}
	return found
}

// awsDomains lists the domains of AWS endpoints, by partition.
var awsDomains = []string{".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".api.aws", ".c2s.ic.gov", ".sc2s.sgov.gov"}

// endpointOfECS reports whether the host is one of AWS's ECS endpoints in this region: public, dual-stack, FIPS, or a
// VPC endpoint.
func (g Group) endpointOfECS(text string) bool {
	if !strings.Contains(text, "://") {
		text = "https://" + text // ecs-agent/utils, AddScheme
	}
	at, err := url.Parse(text)
	if err != nil {
		return false
	}
	host := strings.ToLower(at.Hostname())
	isAWS := slices.ContainsFunc(awsDomains, func(domain string) bool { return strings.HasSuffix(host, domain) })
	return isAWS && strings.Contains(host, "ecs") && (g.Identity.Region == "" || strings.Contains(host, "."+g.Identity.Region+"."))
}

// dockerSocket reports whether the address is an existing Unix socket.
func (g Group) dockerSocket(text string) bool {
	path, ok := strings.CutPrefix(text, "unix://")
	if !ok {
		return false
	}
	if slices.Contains([]string{"/var/run/docker.sock", "/run/docker.sock"}, path) {
		return true
	}
	info, err := os.Stat(g.Config.Path(path))
	return err == nil && info.Mode().Type() == os.ModeSocket
}
