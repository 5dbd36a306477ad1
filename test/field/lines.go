//go:build linux

package main

import (
	"context"
	"fmt"
	"path"
	"slices"
	"time"

	"muster/test/field/expect"
	"muster/test/field/fieldcase"
	"muster/test/field/instance"
)

// lineCommand is the command for each line of a case with lines.
const lineCommand = "check --only agent-log"

// lines runs a case with log lines. It appends each line alone to its log, after the ECS agent's own lines. Each line
// has its own result.
func (p *player) lines(ctx context.Context) []Result {
	logs := map[string][]byte{}
	for _, name := range instance.AgentLogs {
		logs[name], _ = p.in.Read(name) // empty if it does not exist
	}
	var all []Result
	for i, l := range p.c.Lines {
		p.why = nil
		p.transcript.Reset()
		name := fmt.Sprintf("/%02d %s", i+1, l.Source)
		if err := p.appendOnly(l, logs); err != nil {
			all = append(all, Result{Name: name, Broken: err.Error()})
			continue
		}
		out := p.run(ctx, lineCommand)
		p.wrong(expect.InAnswer("answer", expect.Answer(out.Stdout), l.Text)...)
		want := jsonWants{id: l.ID, noWarnings: l.NoWarnings, findings: map[string]fieldcase.Words{}}
		for _, id := range l.IDNot {
			want.findings[id] = fieldcase.Words{"absent"}
		}
		if len(want.findings) == 0 {
			want.findings = nil
		}
		p.json(ctx, lineCommand, out.Stdout, want)
		all = append(all, p.result(name))
	}
	return all
}

// appendOnly restores the original logs and appends one line.
func (p *player) appendOnly(l fieldcase.Line, logs map[string][]byte) error {
	now := time.Now().Add(3 * time.Second)
	for name, data := range logs {
		if path.Base(name) == l.File {
			data = append(slices.Clone(data), fieldcase.Dated(l.Bytes(), now)...)
		}
		if len(data) == 0 {
			if err := p.in.Remove(name); err != nil {
				return err
			}
		} else if err := p.in.Write(name, data); err != nil {
			return err
		}
	}
	return nil
}
