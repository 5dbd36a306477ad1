package term

import (
	"fmt"
	"io"
	"time"
)

// Spin shows a progress indicator on one terminal line until stop is called, which clears the line. If out is not a
// terminal, it writes nothing.
func Spin(out io.Writer, doing string) (stop func()) {
	if !IsTerminal(out) {
		return func() {}
	}
	return spin(Raw(out), doing)
}

func spin(out io.Writer, doing string) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	began := time.Now()
	go func() {
		defer close(done)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-quit:
				_, _ = io.WriteString(out, "\r\x1b[K") // erase in line (ECMA-48)
				return
			case <-tick.C:
				_, _ = fmt.Fprintf(out, "\r%c %s, %d s", `|/-\`[i%4], doing, int(time.Since(began).Seconds()))
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}
