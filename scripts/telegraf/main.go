// Command telegraf is a minimal build of Telegraf with only its Docker input and CloudWatch output. scripts/measure
// compares muster agent with it. It is a separate module, so that its dependencies do not become muster's.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/influxdata/telegraf/agent"
	"github.com/influxdata/telegraf/config"
	_ "github.com/influxdata/telegraf/plugins/inputs/docker"
	_ "github.com/influxdata/telegraf/plugins/outputs/cloudwatch"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg := config.NewConfig()
	if err := cfg.LoadConfig(os.Args[1]); err != nil {
		log.Fatal(err)
	}
	if err := agent.NewAgent(cfg).Run(ctx); err != nil {
		log.Fatal(err)
	}
}
