package herd

import (
	"fmt"
	"strings"
	"time"

	"muster/bootstrap/bootreport"
)

// The picture's measures, in its own units.
const (
	width, height = 720.0, 420.0
	left, right   = 64.0, 16.0
	upper, lower  = 150.0, 110.0 // heights of the two panels
	top, gap      = 44.0, 52.0
	sans          = "system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"
)

// plot draws the instances that are verified over time, and below them the throttled calls of each
// second.
func (f *fleet) plot() string {
	end := time.Duration(0)
	for _, b := range f.boots {
		end = max(end, b.ended)
	}
	seconds := int(end/(10*time.Second))*10 + 10
	launched, verified := make([]float64, seconds+1), make([]float64, seconds+1)
	for _, b := range f.boots {
		launched[int(b.starts.Seconds())+1]++
		if b.report.Outcome == bootreport.Registered {
			verified[min(seconds, int(b.ended.Seconds())+1)]++
		}
	}
	throttles := make([]float64, seconds+1)
	for _, c := range f.calls() {
		if throttled(c.Code) {
			throttles[min(seconds, int(f.since(c).Seconds()))]++
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" role="img" aria-label="%d instances that `+
		`boot at once: verified instances and throttled calls over time">`+"\n",
		width, height, width, len(f.boots))
	fmt.Fprintf(&b, `<rect width="%.0f" height="%.0f" fill="#ffffff"/>`+"\n"+`<g font-family="%s" font-size="12" fill="#37474f">`+"\n", width,
		height, sans)
	text(&b, left, 24, "start", fmt.Sprintf("%d instances boot within a minute: launched (grey) and verified (green)", len(f.boots)))
	axis(&b, top, upper, float64(len(f.boots)), seconds, false)
	curve(&b, top, upper, running(launched), "#b0bec5")
	curve(&b, top, upper, running(verified), "#2e7d32")
	text(&b, left, top+upper+gap-12, "start", "throttled calls in a second")
	most := 5.0
	for _, n := range throttles {
		most = max(most, n)
	}
	axis(&b, top+upper+gap, lower, most, seconds, true)
	bars(&b, top+upper+gap, lower, throttles, most)
	b.WriteString("</g>\n</svg>\n")
	return b.String()
}

func running(of []float64) []float64 {
	out, sum := make([]float64, len(of)), 0.0
	for i, n := range of {
		sum += n
		out[i] = sum
	}
	return out
}

func text(b *strings.Builder, x, y float64, anchor, words string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", x, y, anchor, words)
}

// axis draws the frame, two marks of the height and, where the time is written, one every 20 s.
func axis(b *strings.Builder, y, tall, most float64, seconds int, times bool) {
	for _, share := range []float64{0, 0.5, 1} {
		at := y + tall*(1-share)
		fmt.Fprintf(b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#cfd8dc"/>`+"\n", left, at, width-right, at)
		text(b, left-8, at+4, "end", fmt.Sprintf("%.0f", most*share))
	}
	for s := 0; times && s <= seconds; s += 20 {
		x := left + (width-left-right)*float64(s)/float64(seconds)
		text(b, x, y+tall+18, "middle", fmt.Sprintf("%d s", s))
	}
}

func curve(b *strings.Builder, y, tall float64, values []float64, color string) {
	most := values[len(values)-1]
	var points strings.Builder
	for i, v := range values {
		x := left + (width-left-right)*float64(i)/float64(len(values)-1)
		fmt.Fprintf(&points, "%.1f,%.1f ", x, y+tall*(1-v/max(most, 1)))
	}
	fmt.Fprintf(b, `<polyline fill="none" stroke="%s" stroke-width="2" points="%s"/>`+"\n", color, strings.TrimSpace(points.String()))
}

func bars(b *strings.Builder, y, tall float64, values []float64, most float64) {
	step := (width - left - right) / float64(len(values)-1)
	for i, v := range values[:len(values)-1] {
		if v > 0 {
			fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="#ef6c00"/>`+"\n", left+step*float64(i), y+tall*(1-v/most),
				step*0.8, tall*v/most)
		}
	}
}
