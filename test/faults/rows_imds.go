//go:build linux

package main

import "time"

func imdsRows() []row {
	return []row{
		{name: "imds/try", command: "all", inject: "nothing", must: "works", play: func(r *rig) {
			p := r.run("bootstrap --cluster prod")
			p.exits(0)
			p = r.run("verify --cluster prod")
			p.exits(0)
			r.queue(3)
			a := r.agent(sending())
			r.status(5*time.Second, []int{0})
			r.await(a, 20*time.Second, "queued minutes are sent", func() bool { return r.arrived() == 9 })
			a.stop()
			r.want(r.sends("Registered") > 0, "no Registered")
			d := r.run("debug --bundle /tmp/b.tgz")
			d.exits(0)
		}},
	}
}
