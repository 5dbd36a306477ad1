// Command subject is what runs in the containers of the integration tests, alone
// in an image made from scratch: a service that can be healthy or unhealthy, crash, run out
// of memory, and refuse to stop. It says "ready" once it honors its signal.
//
//	subject                 serves until SIGTERM, then exits 0
//	subject deaf            serves, SIGTERM or not
//	subject exit CODE       exits at once
//	subject exit CODE on N  exits at signal N
//	subject oom             takes memory until the kernel kills it
//	subject child           serves while a child of its takes memory
//	subject probe           a health check: 1 while unhealthy
//	subject healthy         makes the probe pass; unhealthy makes it fail
package main

import (
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

const illness = "/unhealthy"

func main() {
	switch arg(1) {
	case "exit":
		if n := number(4); n != 0 {
			await(syscall.Signal(n))
		}
		os.Exit(number(2))
	case "oom":
		exhaust()
	case "child":
		_ = exec.Command("/subject", "oom").Run() // it is killed
		serve()
	case "probe":
		if _, err := os.Stat(illness); err == nil {
			os.Exit(1)
		}
	case "unhealthy":
		if os.WriteFile(illness, nil, 0o600) != nil {
			os.Exit(1)
		}
	case "healthy":
		_ = os.Remove(illness)
	case "deaf":
		signal.Ignore(syscall.SIGTERM)
		await(syscall.SIGUSR2)
	default:
		serve()
	}
}

func arg(n int) string {
	if n < len(os.Args) {
		return os.Args[n]
	}
	return ""
}

func number(n int) int {
	v, _ := strconv.Atoi(arg(n))
	return v
}

// serve handles SIGTERM: the kernel does not apply its default to process 1.
func serve() { await(syscall.SIGTERM) }

func await(s syscall.Signal) {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, s)
	_, _ = os.Stdout.WriteString("ready\n")
	<-stop
}

// exhaust waits a second: Docker watches for a kill only once it has started the
// container.
func exhaust() {
	<-time.After(time.Second)
	var held [][]byte
	for {
		block := make([]byte, 1<<20)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		held = append(held, block)
		_ = held
	}
}
