package agentstate_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"muster/agent/agentstate"
	"muster/internal/base/gate"
	"muster/internal/term"
)

func TestTheGateHasALine(t *testing.T) {
	for want, is := range map[string]agentstate.Gate{
		"p: not set since muster-agent started; the ports have not been checked yet": {},
		"p: not set since muster-agent started; no replication ports are set":        {Why: "no replication ports are set"},
		"p: not set since muster-agent started; the ports were open 30s ago, and are checked again before it is set": {
			Ports: "open", Checked: ago(30 * time.Second)},
		"p=open (set 60m ago); NOT SET to closed: denied": {Value: "open", Since: ago(time.Hour), Ports: "closed", Checked: ago(time.Minute),
			Why: "denied"},
		"p=closed (set 60m ago); the ports were closed 2m": {Value: "closed", Since: ago(time.Hour), Ports: "closed",
			Checked: ago(2 * time.Minute)},
		"p=open (set 60m ago); the ports were undecided 60s ago, so it is unchanged: throttled": {
			Value: "open", Since: ago(time.Hour), Ports: "undecided", Checked: ago(time.Minute), Why: "throttled"},
	} {
		s := well()
		is.Attribute = "p"
		s.Gate = &is
		var out bytes.Buffer
		if err := s.Table(&out, term.Style{}, now); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), "gate         "+want) {
			t.Errorf("want %q in\n%s", want, out.String())
		}
		problems := s.Problems(now)
		if failed := strings.Contains(want, "NOT SET"); failed != (len(problems) == 1 && problems[0].ID == "muster-gate" && problems[0].Warning) {
			t.Errorf("%s: %+v", want, problems)
		}
	}
	s := well()
	var out bytes.Buffer
	if err := s.Table(&out, term.Style{}, now); err != nil || strings.Contains(out.String(), "gate") {
		t.Errorf("without a gate: %v\n%s", err, out.String())
	}
}

func TestAGateThatFailedHasTheFixOfItsReason(t *testing.T) {
	for why, want := range map[string]string{"ecs:PutAttributes is not allowed": "packaging/iam/gate.json", gate.Unconfirmed: "muster debug"} {
		s := well()
		s.Gate = &agentstate.Gate{Attribute: "p", Ports: "open", Checked: ago(time.Minute), Why: why}
		problems := s.Problems(now)
		if len(problems) != 1 || !strings.Contains(problems[0].Fix.String(), want) || problems[0].Why[0] != why {
			t.Errorf("%s: %+v", why, problems)
		}
	}
}
