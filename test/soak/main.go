//go:build linux

// Command soak runs the real agent for an hour under churn and faults, and then
// compares the data points in CloudWatch with the expected ones.
//
//	$ sudo bin/soak -for 1h -muster bin/muster
//
// Containers exit and restart continuously, Docker restarts six times, and CloudWatch
// throttles, fails and closes connections. The test checks at the end:
//
//   - memory, descriptors, threads and goroutines of the agent have not grown
//   - each data point of the containers is in CloudWatch with the correct value, or was
//     ambiguous: sent, but without a response. No data point is stored twice
//   - the journal has each crash with its exit code, and no others
//
// It uses its own dockerd if one starts, which needs root, otherwise the simulated
// Engine of the sandbox. It runs in real time, because a simulated clock shows neither
// a leak nor a slow system call.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"muster/internal/sandbox"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	lasts := flags.Duration("for", time.Hour, "how long")
	muster := flags.String("muster", "bin/muster", "the program")
	which := flags.String("engine", "auto", "docker, sandbox, or auto: docker where it starts")
	if err := flags.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "soak-")
	if err != nil {
		return err
	}
	e, err := chooseEngine(ctx, *which, out)
	if err != nil {
		return err
	}
	defer e.close()
	s := &soak{out: out, dir: dir, muster: *muster, minutes: max(3, int(lasts.Minutes())), churn: newChurn(e)}
	if err := s.all(ctx); err != nil {
		return fmt.Errorf("%w\nthe journal and the spool are in %s", err, dir)
	}
	return os.RemoveAll(dir)
}

func chooseEngine(ctx context.Context, which string, out io.Writer) (engine, error) {
	if which == "sandbox" {
		return newPlayed()
	}
	e, err := newDaemon(ctx)
	if err != nil && which == "auto" {
		_, _ = fmt.Fprintln(out, "the sandbox's Engine is used:", err)
		return newPlayed()
	}
	return e, err
}

// soak is one run of the soak test.
type soak struct {
	out     io.Writer
	dir     string
	muster  string
	minutes int
	churn   *churn
	box     *sandbox.Sandbox
	cloud   *cloud
	environ []string // of the agent
	agent   *process
	first   time.Time // first minute of the comparison
}

const (
	restarts = 6
	// calm is the time without faults at the end. After failures, the agent pauses for up to five minutes.
	calm = 6 * time.Minute
)

func (s *soak) all(ctx context.Context) error {
	root := filepath.Join(s.dir, "root")
	if err := os.MkdirAll(filepath.Join(root, "etc/ecs"), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(root, "etc/ecs/ecs.config"), []byte("ECS_CLUSTER=prod\n"), 0o600); err != nil {
		return err
	}
	var err error
	if s.box, err = sandbox.New(sandbox.Options{Root: root, Clusters: []string{"prod"}}); err != nil {
		return err
	}
	defer s.box.Close()
	if err := s.box.StartAgent(ctx); err != nil {
		return err
	}
	if s.cloud, err = newCloud(s.box); err != nil {
		return err
	}
	defer s.cloud.close()
	if err := s.churn.fill(ctx); err != nil {
		return err
	}
	s.environ = slices.DeleteFunc(s.box.Environ(), func(e string) bool { return strings.HasPrefix(e, "AWS_ENDPOINT_URL=") })
	s.environ = append(s.environ, "AWS_ENDPOINT_URL="+s.cloud.url())
	if s.agent, err = s.start("journal"); err != nil {
		return err
	}
	defer s.agent.kill()
	if err := s.agent.waitForContainers(ctx, services); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(
		s.out,
		"%s: %d minutes with %s, %d containers\n",
		time.Now().UTC().Format(time.RFC3339),
		s.minutes,
		s.churn.engine,
		services,
	)
	if err := s.run(ctx); err != nil {
		return err
	}
	if err := s.check(ctx); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(s.out, "soak: passed")
	return nil
}

func (s *soak) start(journal string) (*process, error) {
	return startAgent(s.muster, filepath.Join(s.dir, "root"), s.churn.engine.host(), s.environ, filepath.Join(s.dir, journal))
}

// check stops the agent and returns all errors.
func (s *soak) check(ctx context.Context) error {
	failed := []error{s.drain(ctx), ctx.Err()}
	state, err := s.agent.state()
	failed = append(failed, err)
	peak := s.agent.peak()
	goroutines, err := s.agent.dump()
	failed = append(failed, err, s.checkGrowth(peak), s.checkSink(state.Publishing.Dropped), s.checkJournal())
	fresh, err := s.freshGoroutines(ctx)
	_, _ = fmt.Fprintf(s.out, "goroutines: %d at the end, %d in an agent that has just started\n", goroutines, fresh)
	if err == nil && goroutines > fresh*11/10+1 {
		err = fmt.Errorf("goroutines grew from %d to %d", fresh, goroutines)
	}
	return errors.Join(append(failed, err)...)
}

// freshGoroutines counts the goroutines of a new agent with the same containers.
func (s *soak) freshGoroutines(ctx context.Context) (int, error) {
	fresh, err := s.start("journal.fresh")
	if err != nil {
		return 0, err
	}
	defer fresh.kill()
	if err := fresh.waitForContainers(ctx, services); err != nil {
		return 0, err
	}
	wait(ctx, 10*time.Second)
	return fresh.dump()
}

// run runs the minutes.
func (s *soak) run(ctx context.Context) error {
	watching, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); s.agent.watch(watching) }()
	defer func() { stop(); <-done }()
	s.first = time.Now().Truncate(time.Minute).Add(time.Minute)
	for n := 0; n < s.minutes && ctx.Err() == nil; n++ {
		minute := s.first.Add(time.Duration(n) * time.Minute)
		until(ctx, minute)
		if time.Since(minute) > time.Minute { // a restart took longer
			s.churn.undecided(minute, "Docker was away")
			continue
		}
		if err := s.cloud.set(s.fault(n)); err != nil {
			return err
		}
		if err := s.churn.runMinute(ctx, minute, s.restarts(n)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// restarts distributes the restarts of Docker over the minutes; a short soak has fewer.
func (s *soak) restarts(n int) bool {
	every := max(2, s.minutes/(restarts+1))
	return n > 0 && n < s.minutes-1 && n%every == 0 && n/every <= restarts
}

// fault returns the fault of minute n: one in every third minute, and none in the calm at the end.
func (s *soak) fault(n int) fault {
	if n%3 != 2 || s.minutes >= 20 && n >= s.minutes-int(calm.Minutes()) {
		return none
	}
	return faults[n/3%len(faults)]
}

// drain waits until the last minute has been sent, and the agent has written its state since.
func (s *soak) drain(ctx context.Context) error {
	last := s.first.Add(time.Duration(s.minutes) * time.Minute)
	until(ctx, last)
	if err := s.cloud.set(none); err != nil {
		return err
	}
	for !s.answered(last.Add(-time.Minute)) {
		if time.Since(last) > calm+2*time.Minute || ctx.Err() != nil {
			return errors.New("the agent did not send all data points")
		}
		wait(ctx, time.Second)
	}
	for sent := time.Now(); time.Since(sent) < 2*time.Minute && ctx.Err() == nil; wait(ctx, time.Second) {
		if is, err := s.agent.state(); err == nil && is.Written.After(sent) {
			return nil
		}
	}
	return errors.New("the agent does not write its state")
}

// wait waits for d, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

func until(ctx context.Context, at time.Time) { wait(ctx, time.Until(at)) }
