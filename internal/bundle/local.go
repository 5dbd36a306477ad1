package bundle

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"

	"muster/internal/host/dockerapi"
	"muster/internal/host/ecsagent"
	"muster/internal/host/units"
)

func agent(ctx context.Context, s Source) part {
	if s.Agent == nil {
		return part{}
	}
	var p part
	metadata, err := s.Agent.Metadata(ctx)
	if err == nil {
		p.files = encoded("agent/metadata.json", "introspection /v1/metadata", metadata).files
	}
	tasks, noTasks := s.Agent.Tasks(ctx)
	if noTasks == nil {
		p.files = append(p.files, encoded("agent/tasks.json", "introspection /v1/tasks", tasks).files...)
	}
	p.err = errors.Join(err, noTasks)
	return p
}

// containers lists the containers with the fields that dockerapi decodes, which include neither environment nor
// command.
func containers(ctx context.Context, s Source) part {
	if s.Engine == nil {
		return part{}
	}
	var found struct {
		Engine     dockerapi.Version         `json:"engine"`
		Agent      *dockerapi.AgentContainer `json:"ecs_agent"`
		Containers []dockerapi.Container     `json:"containers"`
	}
	var err error
	if found.Engine, err = s.Engine.Ping(ctx); err != nil {
		return part{err: err}
	}
	it, there, noAgent := s.Engine.AgentContainer(ctx)
	if there {
		found.Agent = &it
	}
	var noList error
	found.Containers, noList = s.Engine.Containers(ctx)
	p := encoded("containers.json", "the Docker Engine", found)
	p.story.containers = found.Containers
	p.err = errors.Join(p.err, noAgent, noList)
	return p
}

// watched returns the units that the timeline shows.
func watched() []string {
	return []string{"cloud-init.service", "cloud-final.service", "network-online.target", "docker.service", "containerd.service",
		"ecs.service", "amazon-ecs-volume-plugin.service", "chronyd.service", "muster-bootstrap.service", "muster-verify.service",
		"muster-agent.service", "muster-docker.service"}
}

func unitStates(ctx context.Context, s Source) part {
	if s.Units == nil {
		return part{}
	}
	systemd, err := s.Units(ctx)
	if err != nil {
		return part{err: err}
	}
	defer systemd.Close()
	var states []units.State
	var moments []moment
	var errs []error
	for _, name := range watched() {
		state, err := systemd.Show(ctx, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		states = append(states, state)
		moments = append(moments, unitMoments(state)...)
	}
	p := encoded("units.json", "systemd", states)
	p.story.moments, p.err = moments, errors.Join(append(errs, p.err)...)
	return p
}

func unitMoments(u units.State) []moment {
	failed := u.ActiveState == "failed"
	end := u.Name + " ended"
	if failed {
		end = u.Name + " failed: " + u.Result
	}
	return []moment{{u.Begun, "systemd", u.Name + " starts", false}, {u.Active, "systemd", u.Name + " is active", false},
		{u.Ended, "systemd", end, failed}}
}

func logs(_ context.Context, s Source) part {
	var p part
	var errs []error
	dir := s.Config.Path(s.Config.ECSLogDir)
	for _, name := range []string{"ecs-init.log", "ecs-agent.log"} {
		data, cut, err := ecsagent.LogEnd(dir, name, maxFile)
		errs = append(errs, err)
		if data == nil {
			continue
		}
		p.files = append(p.files, file{"logs/" + name, filepath.Join(dir, name), data, text, cut})
		for _, e := range ecsagent.Events(name, data) {
			p.story.moments = append(p.story.moments, moment{e.At, name, e.Text, e.Bad})
		}
	}
	p.err = errors.Join(errs...)
	return p
}

func cloudInit(_ context.Context, s Source) part {
	p := copied(object, false, [2]string{"cloud-init/status.json", s.Config.Path("/run/cloud-init/status.json")},
		[2]string{"cloud-init/result.json", s.Config.Path("/run/cloud-init/result.json")})
	for _, f := range p.files {
		if f.name == "cloud-init/status.json" {
			p.story.moments = cloudInitMoments(f.data)
		}
	}
	return p
}

// cloudInitMoments returns the moments from status.json. For each stage the file contains the start and end time in
// seconds since 1970 (cloudinit/cmd/main.py, status_wrapper).
func cloudInitMoments(data []byte) (moments []moment) {
	var status struct {
		V1 map[string]json.RawMessage `json:"v1"`
	}
	if json.Unmarshal(data, &status) != nil {
		return nil
	}
	for _, stage := range []string{"init-local", "init", "modules-config", "modules-final"} {
		var ran struct {
			Start, Finished float64
			Errors          []string
		}
		if json.Unmarshal(status.V1[stage], &ran) != nil {
			continue
		}
		end := "cloud-init " + stage + " ended"
		if len(ran.Errors) > 0 {
			end += ": " + ran.Errors[0]
		}
		moments = append(moments, moment{seconds(ran.Start), "cloud-init", "cloud-init " + stage + " begins", false},
			moment{seconds(ran.Finished), "cloud-init", end, len(ran.Errors) > 0})
	}
	return moments
}

func cloudInitLog(_ context.Context, s Source) part {
	return copied(text, true, [2]string{"cloud-init/cloud-init.log", s.Config.Path("/var/log/cloud-init.log")},
		[2]string{"cloud-init/cloud-init-output.log", s.Config.Path("/var/log/cloud-init-output.log")})
}

// userData returns the user data, unless it is compressed, because secrets in it could not be masked.
func userData(_ context.Context, s Source) part {
	p := copied(text, false, [2]string{"cloud-init/user-data", s.Config.Path("/var/lib/cloud/instance/user-data.txt")})
	if len(p.files) > 0 && len(p.files[0].data) > 1 && p.files[0].data[0] == 0x1f && p.files[0].data[1] == 0x8b {
		return part{err: errors.New("the user data is compressed with gzip: left out, because secrets in it could not be masked")}
	}
	return p
}
