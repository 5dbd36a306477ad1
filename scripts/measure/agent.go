package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"muster/internal/sandbox"
	"muster/internal/sandbox/dockerd"
)

// Limits of the agent relative to Telegraf, and alone with 500 containers.
const (
	maxSizeRatio   = 0.7 // size of the binary
	maxCPURatio    = 0.1
	maxSeriesRatio = 0.1
	maxAloneRSS    = 20_000_000
	maxAloneCPU    = 5.0 // ms per second

	// window is the duration of the run. It contains at least one full minute and several of Telegraf's intervals of 10
	// s.
	window = 75 * time.Second
	// warmUp is excluded from the measurement, because startup uses more CPU than watching.
	warmUp = 15 * time.Second
)

// use is the resource usage of a process.
type use struct {
	rss    int64   // bytes, maximum
	cpu    float64 // ms per second
	series int     // number of series in CloudWatch
}

func (u use) String() string {
	return fmt.Sprintf("%5.1f MB RSS, %5.2f ms/s CPU, %5d series", float64(u.rss)/1e6, u.cpu, u.series)
}

// agents runs the agent next to Telegraf on a real Docker Engine, and alone on a simulated one.
func agents(int) error {
	err := besideTelegraf()
	if err != nil && (os.Getenv("CI") != "true" || os.Getenv("ENGINE") == "none") && !errors.Is(err, errTooMuch) {
		fmt.Println("agent next to Telegraf: not measured:", err)
		err = nil
	}
	return errors.Join(err, alone(500))
}

var errTooMuch = errors.New("the agent publishes too many series")

func besideTelegraf() error {
	telegraf, err := filepath.Abs(".cache/bin/telegraf")
	if err != nil {
		return err
	}
	build := exec.Command("nice", "go", "build", "-C", "scripts/telegraf", "-trimpath", "-ldflags=-s -w", "-o", telegraf, ".")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building Telegraf: %w: %s", err, out)
	}
	image, err := subject()
	if err != nil {
		return err
	}
	defer func() { _, _ = docker("image", "rm", "--force", image) }()
	if err := compareSizes("bin/muster", telegraf); err != nil {
		return err
	}
	return errors.Join(sideBySide(telegraf, image, 20, 0.55), sideBySide(telegraf, image, 60, 0.5))
}

func compareSizes(ours, theirs string) error {
	a, err := os.Stat(ours)
	b, theirErr := os.Stat(theirs)
	if err := errors.Join(err, theirErr); err != nil {
		return err
	}
	fmt.Printf("binary                       %5.1f MB, Telegraf %.1f MB: ratio %.2f (at most %.1f)\n",
		float64(a.Size())/1e6, float64(b.Size())/1e6, float64(a.Size())/float64(b.Size()), maxSizeRatio)
	return nil
}

// sideBySide runs muster agent and Telegraf with n containers. The agent's memory should be at most maxRSSRatio of
// Telegraf's.
func sideBySide(telegraf, image string, n int, maxRSSRatio float64) error {
	ids, err := containers(image, n)
	defer func() { _, _ = docker(append([]string{"rm", "--force"}, ids...)...) }()
	if err != nil {
		return err
	}
	box, done, err := instance(sandbox.AgentPlan{})
	if err != nil {
		return err
	}
	defer done()
	if err := box.StartAgent(context.Background()); err != nil {
		return err
	}
	conf, err := telegrafConf()
	if err != nil {
		return err
	}
	defer os.Remove(conf)
	ours := command(box, "bin/muster", "agent", "--cluster", "prod", "--spool-dir", "/spool")
	theirs := command(box, telegraf, conf)
	took, err := watch(window, ours, theirs)
	if err != nil {
		return err
	}
	took[0].series, took[1].series = series(box, "Muster"), series(box, "Telegraf")
	fmt.Printf("%d containers, muster agent  %s\n%d containers, Telegraf      %s\n", n, took[0], n, took[1])
	return compare(took[0], took[1], maxRSSRatio)
}

// compare prints the ratios. Only the ratio of series can fail the run.
func compare(ours, theirs use, maxRSSRatio float64) error {
	rss, cpu := float64(ours.rss)/float64(theirs.rss), ours.cpu/theirs.cpu
	count := float64(ours.series) / float64(max(1, theirs.series))
	fmt.Printf("ratio                        %5.2f RSS (at most %.2f), %.2f CPU (at most %.1f), %.3f series (at most %.1f)\n",
		rss, maxRSSRatio, cpu, maxCPURatio, count, maxSeriesRatio)
	if rss > maxRSSRatio || cpu > maxCPURatio {
		fmt.Println("TARGET MISSED: the agent exceeds its limit relative to Telegraf")
	}
	if ours.series == 0 || count > maxSeriesRatio {
		return fmt.Errorf("%w: %d against %d", errTooMuch, ours.series, theirs.series)
	}
	return nil
}

// alone runs the agent on a simulated Docker Engine that runs a health check for every container and replaces one
// container per second.
func alone(n int) error {
	engine, err := dockerd.New(dockerd.Options{})
	if err != nil {
		return err
	}
	defer engine.Close()
	for i := range n {
		engine.Health(engine.Run(dockerd.Spec{Check: true, Labels: labels(i)}), "healthy")
	}
	box, done, err := instance(sandbox.AgentPlan{})
	if err != nil {
		return err
	}
	defer done()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go churn(ctx, engine)
	took, err := watch(
		window,
		command(box, "bin/muster", "agent", "--cluster", "prod", "--spool-dir", "/spool", "--docker-host", engine.Host()),
	)
	if err != nil {
		return err
	}
	took[0].series = series(box, "Muster")
	fmt.Printf("%d containers, alone        %s (limits %d MB, %.0f ms/s)\n", n, took[0], maxAloneRSS/1_000_000, maxAloneCPU)
	if took[0].rss > maxAloneRSS || took[0].cpu > maxAloneCPU {
		fmt.Println("TARGET MISSED: the agent exceeds its limits with 500 containers")
	}
	return nil
}

// churn replaces one container per second.
func churn(ctx context.Context, engine *dockerd.Engine) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			id := engine.Run(dockerd.Spec{Check: true, Labels: labels(i)})
			engine.Health(id, "healthy")
			engine.Stop(id)
			engine.Destroy(id)
		}
	}
}

// labels returns labels like those of the ECS agent: five containers per service, two per task.
func labels(i int) map[string]string {
	return map[string]string{
		"com.amazonaws.ecs.cluster":                 "prod",
		"com.amazonaws.ecs.task-arn":                "arn:aws:ecs:eu-central-1:123456789012:task/prod/" + strconv.Itoa(i/2),
		"com.amazonaws.ecs.container-name":          []string{"app", "sidecar"}[i%2],
		"com.amazonaws.ecs.task-definition-family":  "web" + strconv.Itoa(i/10),
		"com.amazonaws.ecs.task-definition-version": "1",
	}
}

// watch runs the commands concurrently, stops them after d, and returns their resource usage.
func watch(d time.Duration, commands ...*exec.Cmd) ([]use, error) {
	took := make([]use, len(commands))
	for i, cmd := range commands {
		cmd.Stderr = &strings.Builder{}
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		defer func() { _ = commands[i].Process.Kill() }()
	}
	time.Sleep(warmUp)
	began, before := time.Now(), make([]time.Duration, len(commands))
	for i, cmd := range commands {
		before[i] = cpuOf(cmd)
	}
	for time.Since(began) < d-warmUp {
		time.Sleep(time.Second)
		for i, cmd := range commands {
			took[i].rss = max(took[i].rss, rssOf(cmd))
		}
	}
	for i, cmd := range commands {
		took[i].cpu = ms(cpuOf(cmd)-before[i]) / time.Since(began).Seconds()
	}
	for i, cmd := range commands {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil || took[i].rss == 0 {
			return nil, fmt.Errorf("%s: %w: %s", cmd.Path, err, cmd.Stderr)
		}
	}
	return took, nil
}

// stat returns a field of /proc/PID/NAME. Fields are counted from 0, starting after the command name.
func stat(cmd *exec.Cmd, name string, field int) int64 {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", cmd.Process.Pid, name))
	text := string(data)
	fields := strings.Fields(text[strings.LastIndex(text, ")")+1:])
	if field >= len(fields) {
		return 0
	}
	n, _ := strconv.ParseInt(fields[field], 10, 64)
	return n
}

func rssOf(cmd *exec.Cmd) int64 { return stat(cmd, "statm", 1) * int64(os.Getpagesize()) }

// cpuOf returns user and system time, in ticks of 10 ms (proc(5)).
func cpuOf(cmd *exec.Cmd) time.Duration {
	return time.Duration(stat(cmd, "stat", 11)+stat(cmd, "stat", 12)) * 10 * time.Millisecond
}

func series(box *sandbox.Sandbox, namespace string) int {
	seen := map[string]bool{}
	for _, d := range box.Metrics() {
		if d.Namespace == namespace {
			seen[fmt.Sprint(d.Name, d.Dimensions)] = true // maps print in sorted order
		}
	}
	return len(seen)
}

func docker(args ...string) (string, error) {
	cmd := exec.Command("docker", args...)
	cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("docker %s: %w: %s", args[0], err, out)
	}
	return strings.TrimSpace(string(out)), err
}

// subject builds an image that contains only the integration tests' program.
func subject() (image string, err error) {
	dir, err := os.MkdirTemp("", "muster-subject-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-o", dir+"/subject", "./test/integration/testdata/subject")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the test program: %w: %s", err, out)
	}
	const file = "FROM scratch\nCOPY subject /subject\nHEALTHCHECK --interval=5s CMD [\"/subject\", \"probe\"]\nENTRYPOINT [\"/subject\"]\n"
	if err := os.WriteFile(dir+"/Dockerfile", []byte(file), 0o600); err != nil {
		return "", err
	}
	image = "muster-bench:subject"
	_, err = docker("build", "--quiet", "--tag", image, dir)
	return image, err
}

func containers(image string, n int) (ids []string, err error) {
	for i := range n {
		args := []string{"run", "--detach", "--network", "none"}
		for _, key := range slices.Sorted(maps.Keys(labels(i))) {
			args = append(args, "--label", key+"="+labels(i)[key])
		}
		id, err := docker(append(args, image)...)
		if err != nil {
			return ids, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// telegrafConf writes a minimal Telegraf configuration and returns its path.
func telegrafConf() (string, error) {
	f, err := os.CreateTemp("", "telegraf-*.conf")
	if err != nil {
		return "", err
	}
	defer f.Close()
	_, err = fmt.Fprintf(
		f,
		"[agent]\n  interval = \"10s\"\n  flush_interval = \"10s\"\n[[inputs.docker]]\n  endpoint = %q\n[[outputs.cloudwatch]]\n"+
			"  region = \"eu-central-1\"\n  namespace = \"Telegraf\"\n",
		"unix:///var/run/docker.sock",
	)
	return f.Name(), err
}
