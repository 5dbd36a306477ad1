package bundle

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// moment is one event on the timeline.
type moment struct {
	at   time.Time
	who  string
	text string
	bad  bool
}

// maxMoments is the maximum length of the timeline. If there are more moments, those in the middle are dropped.
const maxMoments = 80

// timeline sorts the moments of this boot. began is the time of the boot. Older moments are dropped, because they are
// from an earlier boot or from the image.
func timeline(moments []moment) (ordered []moment, began time.Time, skipped int) {
	for _, m := range moments {
		if m.who == "kernel" {
			began = m.at
		}
	}
	for _, m := range moments {
		if !m.at.IsZero() && !m.at.Before(began.Truncate(time.Second)) {
			ordered = append(ordered, m)
		}
	}
	slices.SortStableFunc(ordered, func(a, b moment) int { return a.at.Compare(b.at) })
	if began.IsZero() && len(ordered) > 0 {
		began = ordered[0].at
	}
	if skipped = len(ordered) - maxMoments; skipped > 0 {
		ordered = slices.Delete(ordered, maxMoments/2, maxMoments/2+skipped)
	}
	return ordered, began, max(0, skipped)
}

func (s Source) htmlTimeline(b *strings.Builder, moments []moment) {
	ordered, began, skipped := timeline(moments)
	if len(ordered) == 0 {
		return
	}
	fmt.Fprintf(b, "<h2>The boot</h2>\n<p class=\"sum\">Since %s, in UTC.</p>\n<ol class=\"time\">\n",
		esc(began.UTC().Format("2006-01-02 15:04:05")))
	for i, m := range ordered {
		if skipped > 0 && i == maxMoments/2 {
			fmt.Fprintf(b, "<li class=\"gap\">%d more</li>\n", skipped)
		}
		mark := ""
		if m.bad {
			mark = " class=\"ill\""
		}
		fmt.Fprintf(b, "<li%s><time>%s</time><span class=\"since\">%s</span><span class=\"who\">%s</span><span class=\"said\">%s</span></li>\n",
			mark, esc(m.at.UTC().Format("15:04:05")), esc(since(m.at.Truncate(time.Second).Sub(began.Truncate(time.Second)))), esc(m.who),
			esc(m.text))
	}
	b.WriteString("</ol>\n")
}

func since(d time.Duration) string { return "+" + d.String() }
