package instance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"muster/check"
	"muster/internal/base/fix"
)

const (
	// AWS rejects signatures whose time differs by more than five minutes (IAM user guide, "Troubleshooting Signature
	// Version 4").
	skewRefused = 5 * time.Minute
	skewOdd     = 30 * time.Second
	// dateNoise is the difference that two correct clocks can appear to have: dates have whole seconds, and each
	// response takes time. Within this difference the clock of ECS is used, because ECS rejects signatures.
	dateNoise = 3 * time.Second
)

// clock compares this host's clock with the Date header of two responses. One comes from the metadata service, which is
// near. The other comes from ECS, which rejects signatures if the clock is wrong.
func (g Group) clock(ctx context.Context) []check.Finding {
	var imds, ecs skew
	var both sync.WaitGroup
	both.Go(func() {
		imds = g.skew("the metadata service", func() (time.Time, error) {
			if g.NoIdentity != nil {
				return time.Time{}, errors.New("it does not respond")
			}
			return g.IMDS.Date(ctx)
		})
	})
	both.Go(func() {
		ecs = g.skew("ECS", func() (time.Time, error) { return g.dateOfECS(ctx) })
	})
	both.Wait()
	worst := imds
	if worst.err != nil || ecs.err == nil && ecs.by.Abs() > imds.by.Abs()-dateNoise {
		worst = ecs
	}
	if worst.err != nil {
		return check.Undetermined(fmt.Errorf("could not check the clock: %s; %s", imds, ecs),
			fix.Do("Compare the two clocks:", "date -u",
				"curl -sI "+cmp.Or(g.Route.Endpoint, "https://ecs."+g.Region()+".amazonaws.com")+" | grep -i ^date"))
	}
	return worst.findings(append([]string{imds.String(), ecs.String()}, g.timeService()...))
}

func (g Group) dateOfECS(ctx context.Context) (time.Time, error) {
	endpoint, err := g.Route.AskAsAgent(ctx, g.Route.Endpoint)
	switch {
	case err != nil:
		return time.Time{}, err
	case endpoint.Err != nil:
		return time.Time{}, endpoint.Err
	case endpoint.Date.IsZero():
		return time.Time{}, errors.New("its answer has no Date header")
	}
	return endpoint.Date, nil
}

// skew is how far this host's clock is ahead of another clock.
type skew struct {
	of  string
	by  time.Duration
	err error
}

// skew measures the difference. It assumes that the response was created halfway between the request and its arrival.
func (g Group) skew(of string, ask func() (time.Time, error)) skew {
	before := g.Now()
	date, err := ask()
	after := g.Now()
	return skew{of, before.Add(after.Sub(before) / 2).Sub(date), err}
}

func (s skew) String() string {
	switch ahead := s.by.Round(time.Second); {
	case s.err != nil:
		return "not compared with " + s.of + ": " + s.err.Error()
	case ahead < 0:
		return fmt.Sprintf("%s behind %s", -ahead, s.of)
	default:
		return fmt.Sprintf("%s ahead of %s", ahead, s.of)
	}
}

func (s skew) findings(evidence []string) []check.Finding {
	f := check.Finding{Kind: ClockSkew, Evidence: evidence,
		Fix: fix.Do("Synchronize the clock with chrony (the EC2 time source is 169.254.169.123):", "sudo systemctl restart chronyd",
			"chronyc tracking")}
	switch by := s.by.Abs(); {
	case by > skewRefused:
		f.Status, f.Summary = check.Fail, "the clock of this instance is "+s.String()+": AWS rejects its signatures"
	case by > skewOdd:
		f.Status, f.Summary = check.Warn, "the clock of this instance is "+s.String()
	default:
		return check.Passed("within "+skewOdd.String()+" of AWS", evidence...)
	}
	return []check.Finding{f}
}

// timeService returns which time service is in use, according to files.
func (g Group) timeService() []string {
	var seen []string
	for path, says := range map[string]string{
		"/run/chrony/chronyd.pid":            "chronyd is running",
		"/run/systemd/timesync/synchronized": "systemd-timesyncd has synchronized",
	} {
		if _, err := os.Stat(g.Config.Path(path)); err == nil {
			seen = append(seen, says+" ("+path+")")
		}
	}
	return seen
}
