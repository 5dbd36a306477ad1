//go:build linux

package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"muster/test/field/expect"
	"muster/test/field/fieldcase"
	"muster/test/field/instance"
)

// player runs a case on its instance, and collects the errors.
type player struct {
	in         *instance.Instance
	c          *fieldcase.Case
	invariants bool

	at         string // prefix of each reason
	transcript strings.Builder
	why        []string
}

func (p *player) wrong(reasons ...string) {
	for _, r := range reasons {
		p.why = append(p.why, p.at+expect.Stable(r))
	}
}

func (p *player) result(name string) Result {
	return Result{Name: name, OK: len(p.why) == 0, Why: p.why, Transcript: p.transcript.String()}
}

// step runs a step and checks its expectations. It returns an error if the step could not be run.
func (p *player) step(ctx context.Context, s fieldcase.Step) error {
	p.in.SystemdCalls() // discard the calls of earlier steps
	if err := p.act(ctx, s); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(s.Files)) {
		text, err := p.in.Read(name)
		if err != nil {
			p.wrong(fmt.Sprintf("%s: %v", name, err))
			continue
		}
		fmt.Fprintf(&p.transcript, "\n$ cat -A %s\n%s", name, strings.NewReplacer("\r", "^M", "\n", "$\n").Replace(string(text)))
		p.wrong(expect.InText(name, string(text), s.Files[name])...)
	}
	calls := p.in.SystemdCalls()
	if len(calls) > 0 {
		fmt.Fprintf(&p.transcript, "\n(calls to systemd: %s)\n", strings.Join(calls, ", "))
	}
	if s.Systemd != nil {
		p.wrong(expect.InText("systemd", strings.Join(calls, "\n"), fieldcase.Text{Says: s.Systemd.Made, Not: s.Systemd.NotMade})...)
	}
	return nil
}

func (p *player) act(ctx context.Context, s fieldcase.Step) error {
	switch {
	case s.Muster != "":
		p.command(ctx, s)
	case s.Spawn != "":
		return p.in.Spawn(strings.Fields(s.Spawn)...)
	case s.Agent != "":
		got, err := p.in.Agent(s.Agent, s.Ends == "retries")
		if err != nil {
			return err
		}
		fmt.Fprintf(&p.transcript, "\n(the ECS agent, after %s: %s)\n", s.Agent, got)
		if s.Ends != "" && got != s.Ends {
			p.wrong(fmt.Sprintf("ECS agent: want %s, got %s", s.Ends, got))
		}
	case s.Edit != nil:
		p.in.EditRecord(*s.Edit)
	case s.Write != nil:
		for _, name := range slices.Sorted(maps.Keys(s.Write)) {
			if err := p.in.Write(name, []byte(s.Write[name])); err != nil {
				return err
			}
		}
	case len(s.Containers) > 0:
		for _, c := range s.Containers {
			p.in.ChangeContainer(c)
			wait(s.Wait)
		}
	default:
		wait(s.Wait)
	}
	return nil
}

// wait waits for d on the instance.
func wait(d time.Duration) {
	if d > 0 {
		<-time.After(d)
	}
}

// command runs muster and checks its output, and if needed its JSON.
func (p *player) command(ctx context.Context, s fieldcase.Step) {
	out := p.run(ctx, s.Muster)
	p.wrong(expect.Exit(s.Muster, out.Code, s.Exit)...)
	if s.Output != nil {
		p.wrong(expect.InText("output", out.Stdout+"\n"+out.Stderr, *s.Output)...)
	}
	want := jsonWants{findings: s.Findings, checks: s.Checks, noWarnings: s.NoWarnings}
	if f := s.FirstLine; f != nil {
		p.wrong(expect.InAnswer("answer", expect.Answer(out.Stdout), f.Text)...)
		want.id, want.idNot = f.ID, f.IDNot
	}
	p.json(ctx, s.Muster, out.Stdout, want)
}

// jsonWants holds the expectations about the JSON of a command.
type jsonWants struct {
	id, idNot        fieldcase.Words
	findings, checks map[string]fieldcase.Words
	noWarnings       bool
}

func (w jsonWants) any() bool {
	return w.id != nil || w.idNot != nil || w.findings != nil || w.checks != nil || w.noWarnings
}

// json runs a command again with --output json, checks the JSON, and compares it with the text of the first run.
func (p *player) json(ctx context.Context, command, stdout string, want jsonWants) {
	layout := p.invariants && expect.HasAnswer(strings.Fields(command))
	if layout {
		p.wrong(expect.Layout(stdout)...)
	}
	// A fault with a limited number of calls can be over in the second run, which then has another cause.
	agree := layout && !slices.ContainsFunc(p.c.AWS.Faults, func(f fieldcase.Fault) bool { return f.Times > 0 || f.Skip > 0 })
	if !want.any() && !agree {
		return
	}
	out := p.in.Muster(ctx, append(strings.Fields(command), "--output", "json")...)
	r, err := expect.ParseReport(out.Stdout)
	if err != nil {
		p.wrong(err.Error())
		return
	}
	p.wrong(r.Cause(want.id, want.idNot)...)
	p.wrong(r.Findings(want.findings)...)
	p.wrong(r.ChecksAre(want.checks)...)
	if want.noWarnings {
		p.wrong(r.NoWarnings()...)
	}
	if agree {
		p.wrong(expect.Agree(stdout, r)...)
	}
}

// run runs muster and records it in the transcript.
func (p *player) run(ctx context.Context, command string) instance.Output {
	out := p.in.Muster(ctx, strings.Fields(command)...)
	fmt.Fprintf(&p.transcript, "\n$ muster %s\n", command)
	for line := range strings.Lines(out.Stderr) {
		fmt.Fprintf(&p.transcript, "[stderr] %s\n", strings.TrimSuffix(line, "\n"))
	}
	fmt.Fprintf(&p.transcript, "%s(exit %d)\n", out.Stdout, out.Code)
	return out
}
