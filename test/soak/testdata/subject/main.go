// Command subject is the program in the containers of a soak test: it runs until SIGTERM, then exits 0. SIGUSR1 makes it
// exit 1, SIGUSR2 3.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	got := make(chan os.Signal, 1)
	signal.Notify(got, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2)
	_, _ = os.Stdout.WriteString("ready\n")
	switch <-got {
	case syscall.SIGUSR1:
		os.Exit(1)
	case syscall.SIGUSR2:
		os.Exit(3)
	}
}
