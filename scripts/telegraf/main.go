// Command telegraf is Telegraf with its Docker input and its CloudWatch output and
// nothing else, as small as it can be: what muster agent is measured against. It is
// a module of its own, so that none of it is muster's.
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
