//go:build integration

package ports

import (
	"bytes"
	"html"
	palette "image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"muster/reach"
	"muster/test/need"
)

// rendered renders the page in a window of desktop size.
func rendered(t *testing.T, page []byte) (dom string, console []string, shot []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(path, page, 0o600); err != nil {
		t.Fatal(err)
	}
	return need.Chromium(t, path, "1400,2600")
}

func TestThePageRendersInABrowserWithoutNetwork(t *testing.T) {
	const peers = 30
	r := judged(t, peers, -1, "ignite2")
	r.Notes = []string{`<script>console.error("a note was run")</script>`}
	var page bytes.Buffer
	if err := r.HTML(&page); err != nil {
		t.Fatal(err)
	}
	dom, console, shot := rendered(t, page.Bytes())
	if len(console) > 0 {
		t.Errorf("the console: %q", console)
	}
	_, svg, found := strings.Cut(dom, "<svg")
	svg, _, _ = strings.Cut(svg, "</svg>")
	if n := strings.Count(svg, "<rect"); !found || n != peers*peers {
		t.Errorf("an svg: %v, with %d squares, want %d", found, n, peers*peers)
	}
	if n := strings.Count(svg, `class="f-self"`); n != peers {
		t.Errorf("%d squares for a peer towards itself, want %d", n, peers)
	}
	for _, fill := range []palette.NRGBA{{0x7c, 0xc4, 0x92, 0xff}, {0xd9, 0x53, 0x4f, 0xff}} { // open, closed
		if n := need.Pixels(t, shot, fill); n < cellSize*cellSize {
			t.Errorf("%d pixels of the picture are %v: the style of the squares is not applied", n, fill)
		}
	}
}

// The control for the tests below: the browser has no network, and a page's errors are reported.
func TestTheBrowserHasNoNetworkAndTellsOfErrors(t *testing.T) {
	_, console, _ := rendered(t, []byte(`<!doctype html><script>console.error("boo")</script>
		<img src="http://127.0.0.1/a.png" onerror="console.error('not loaded: ' + src)">
		<img src="http://example.com/b.png" onerror="console.error('not loaded: ' + src)">`))
	all := strings.Join(console, "\n")
	for _, want := range []string{"boo", "not loaded: http://127.0.0.1", "not loaded: http://example.com"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not on the console: %q", want, console)
		}
	}
}

// Finding P11: at 400 px the page was 602 px wide. Chromium's own window is never
// narrower than 500 px, so the page is in a frame.
func TestThePageFitsAPhone(t *testing.T) {
	var frames strings.Builder
	for _, self := range []int{-1, 2} {
		peers, w := world(t, 30)
		for i := range peers {
			peers[i].Name = strings.Replace(peers[i].Name, "i-", "i-0123456789abcd", 1)
		}
		needs, _, err := reach.ParsePorts("ignite2,tcp/9000")
		if err != nil {
			t.Fatal(err)
		}
		r, err := Judge(Question{Scope: "cluster prod", Region: "eu-west-1", Self: self, Peers: peers, World: w, Needs: needs})
		if err != nil {
			t.Fatal(err)
		}
		var page bytes.Buffer
		if err := r.HTML(&page); err != nil {
			t.Fatal(err)
		}
		frames.WriteString(`<iframe style="border:0" width="400" height="900" onload="measure(this.contentWindow)" srcdoc="` +
			html.EscapeString(page.String()) + `"></iframe>`)
	}
	dom, _, _ := rendered(t, []byte(`<!doctype html><body><script>
		function measure(w) { document.body.append("width " + w.document.documentElement.scrollWidth + " of " + w.innerWidth + ".") }
		</script>`+frames.String()))
	_, tail, _ := strings.Cut(dom, "width ")
	if strings.Count(dom, "width 400 of 400.") != 2 {
		t.Errorf("the pages are %.60s wide", tail)
	}
}
