package check_test

import (
	"context"
	"fmt"
	"net/url"
	"syscall"
	"testing"

	"muster/check"
	"muster/check/catalog"
	"muster/check/subject"
	"muster/internal/host/imds"
	"muster/internal/host/netpath"
)

// exhausted is a network on which this process cannot open a socket.
type exhausted struct{ subject.Net }

func (exhausted) Ask(context.Context, string, *url.URL) netpath.Answer {
	return netpath.Answer{Kind: netpath.Failed, Err: emfile()}
}

func emfile() error { return fmt.Errorf("dial tcp 10.0.0.1:443: socket: %w", syscall.EMFILE) }

// "Too many open files" concerns only this process. None of the checked things is at fault.
func TestTheOwnLimitOfFilesIsNoFaultOfWhatWasAsked(t *testing.T) {
	w := healthy(t)
	w.docker.ping = emfile()
	w.Net = exhausted{w.Net}
	lone := catalog.World{
		Config:     w.Config,
		NoIdentity: &imds.Error{Kind: imds.Unreachable, Endpoint: "http://169.254.169.254", Err: emfile()},
	}
	metadata, err := check.Select(catalog.Checks(lone), []string{"imds"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, r := range append(check.Run(t.Context(), metadata), w.run(t)...) {
		switch r.ID {
		case "imds", "docker", "ecs-endpoints":
			if r.Status == check.Pass {
				continue // the healthy world has its own imds check
			}
			seen++
			if r.Status != check.Unknown || r.Findings[0].ID != r.ID || r.Findings[0].Fix.IsZero() {
				t.Errorf("%s: %+v", r.ID, r.Findings)
			}
		}
	}
	if seen != 3 {
		t.Errorf("%d of 3 checks ran", seen)
	}
}
