// Command demo demonstrates muster: it starts a simulated EC2 instance on loopback, runs the real binary like user data
// and systemd, and prints what was written, verified and signaled. It needs only Go, and changes nothing outside a
// temporary directory.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"muster/internal/sandbox"
)

func main() {
	binary := flag.String("muster", "bin/muster", "the binary to show")
	docs := flag.String("docs", "", "write the pictures and the screens of this documentation instead")
	flag.Parse()
	if *docs != "" {
		if err := document(*docs, *binary); err != nil {
			fmt.Fprintf(os.Stderr, "demo: %v\n", err)
			os.Exit(1)
		}
		return
	}
	for i, s := range stories {
		if err := runStory(os.Stdout, *binary, i+1, s); err != nil {
			fmt.Fprintf(os.Stderr, "demo: story %d: %v\n", i+1, err)
			os.Exit(1)
		}
	}
	fmt.Fprint(os.Stdout, next)
}

// next suggests what to try after the demo.
const next = `
==============================================================================
What to do next
==============================================================================

  bin/muster --help                   the commands, grouped by task
  bin/muster explain cluster-missing  the page on a finding; works offline
  bin/muster ports --cluster NAME     your own cluster's ports, with your credentials; reads only
  sudo bin/muster check               on a container instance: is it healthy?

Install it: docs/start/install.md. The demo ran in temporary directories and left nothing behind.
`

// story is a part of the demo: what happens to one instance.
type story struct {
	title   string
	options sandbox.Options
	play    func(*stage) error
}

// stage is the environment of a story.
type stage struct {
	out    io.Writer
	binary string
	root   string
	box    *sandbox.Sandbox
	env    []string // in addition to that of the sandbox
}

func runStory(out io.Writer, binary string, number int, s story) error {
	return on(s.options, func(box *stage) error {
		box.out, box.binary = out, binary
		fmt.Fprintf(out, "\n%s\n%d. %s\n%s\n", strings.Repeat("=", 78), number, s.title, strings.Repeat("=", 78))
		return s.play(box)
	})
}

// on starts a sandboxed instance in a temporary directory and calls play with it.
func on(options sandbox.Options, play func(*stage) error) error {
	root, err := os.MkdirTemp("", "muster-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		return err
	}
	options.Root = root
	box, err := sandbox.New(options)
	if err != nil {
		return err
	}
	defer box.Close()
	return play(&stage{root: root, box: box})
}

func (s *stage) comment(text string) { fmt.Fprintf(s.out, "\n# %s\n", text) }

// muster runs the binary and checks its exit code.
func (s *stage) muster(wantExit int, args ...string) error {
	fmt.Fprintf(s.out, "\n$ muster %s\n", strings.Join(args, " "))
	hide := &rootless{s.out, s.root}
	got := s.run(hide, hide, args...)
	fmt.Fprintf(s.out, "(exit %d)\n", got)
	if got != wantExit {
		return fmt.Errorf("muster %s exited with code %d, want %d", args[0], got, wantExit)
	}
	return nil
}

// debug shows the summary that muster debug prints before the first empty line, and checks that its first line contains
// the cause.
func (s *stage) debug(cause string) error {
	fmt.Fprint(s.out, "\n$ sudo muster debug | sed '/^$/q'\n")
	var all bytes.Buffer
	s.run(&rootless{&all, s.root}, io.Discard, "debug")
	answer, _, _ := strings.Cut(all.String(), "\n\n")
	fmt.Fprintln(s.out, answer)
	if first, _, _ := strings.Cut(answer, "\n"); !strings.Contains(first, cause) {
		return fmt.Errorf("the first line of muster debug does not name the cause %q", cause)
	}
	return nil
}

// run runs the binary on this instance and returns its exit code.
func (s *stage) run(stdout, stderr io.Writer, args ...string) int {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, s.binary, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "MUSTER_CONSOLE="}, s.box.Environ()...)
	cmd.Env = append(cmd.Env, s.env...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	_ = cmd.Run()
	return cmd.ProcessState.ExitCode()
}

// rootless removes the temporary root from printed paths.
type rootless struct {
	out  io.Writer
	root string
}

func (w *rootless) Write(p []byte) (int, error) {
	text := strings.ReplaceAll(string(p), " --root "+w.root, "")
	_, err := io.WriteString(w.out, strings.ReplaceAll(text, w.root, ""))
	return len(p), err
}

// show prints a file of the instance, or that it does not exist.
func (s *stage) show(path string) {
	fmt.Fprintf(s.out, "\n$ cat %s\n", path)
	data, err := os.ReadFile(filepath.Join(s.root, path))
	if err != nil {
		data = []byte("(there is no such file)\n")
	}
	fmt.Fprint(s.out, strings.ReplaceAll(string(data), s.root, ""))
}

// calls prints the AWS calls of the instance.
func (s *stage) calls() {
	var all []string
	for _, c := range s.box.Calls() {
		all = append(all, c.Service+":"+c.Action)
	}
	fmt.Fprintf(s.out, "\n# AWS calls in this story: %d (%s)\n", len(all), strings.Join(all, ", "))
}
