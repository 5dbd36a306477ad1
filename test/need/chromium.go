package need

import (
	"bytes"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// Chromium renders the page at path without a network, in a window of the size "WIDTH,HEIGHT". It returns the DOM, the
// console output, and a screenshot (PNG).
func Chromium(t testing.TB, path, size string) (dom string, console []string, shot []byte) {
	t.Helper()
	program := Program(t, "chromium", "apt-get install chromium")
	dir := t.TempDir()
	picture := filepath.Join(dir, "page.png")
	run := func(mode string) (string, string) {
		// The options remove the resolver and set an unreachable proxy, so that both names and addresses fail.
		cmd := exec.CommandContext(
			t.Context(),
			program,
			"--headless",
			"--no-sandbox",
			"--disable-gpu",
			"--disable-dev-shm-usage",
			"--no-first-run",
			"--user-data-dir="+filepath.Join(
				dir,
				"profile",
			),
			"--host-resolver-rules=MAP * ~NOTFOUND",
			"--proxy-server=127.0.0.1:1",
			"--proxy-bypass-list=<-loopback>",
			"--enable-logging=stderr",
			"--v=0",
			"--hide-scrollbars",
			"--window-size="+size,
			"--virtual-time-budget=5000",
			mode,
			"file://"+path,
		)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			t.Fatalf("chromium %s: %v\n%s", mode, err, stderr.String())
		}
		return stdout.String(), stderr.String()
	}
	dom, log := run("--dump-dom")
	run("--screenshot=" + picture)
	shot, err := os.ReadFile(picture)
	if err != nil {
		t.Fatal(err)
	}
	// Other lines of the log report the machine: no D-Bus, no graphics card.
	return dom, regexp.MustCompile(`(?m)^.*:CONSOLE[:(].*$`).FindAllString(log, -1), shot
}

// Pixels counts the pixels of one color in a picture (PNG).
func Pixels(t testing.TB, shot []byte, want color.NRGBA) (n int) {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Fatal(err)
	}
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y++ {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x++ {
			if color.NRGBAModel.Convert(img.At(x, y)) == want {
				n++
			}
		}
	}
	return n
}
