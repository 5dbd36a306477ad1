//go:build integration

package dockerd_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"muster/internal/host/dockerapi"
	"muster/test/dockertest"
)

// real is the Docker Engine of this machine.
type real struct {
	dockertest.Docker
	c     *dockerapi.Client
	image string
}

func (r *real) client() *dockerapi.Client { return r.c }

func (r *real) run(what plan) string {
	args := []string{"--memory", "32m", "--memory-swap", "32m"}
	for key, value := range marks {
		args = append(args, "--label", key+"="+value)
	}
	if !what.check {
		args = append(args, "--no-healthcheck")
	}
	if what.retries > 0 {
		args = append(args, "--restart", "on-failure:"+strconv.Itoa(what.retries))
	}
	if what.stop != "" {
		args = append(args, "--stop-signal", what.stop)
	}
	return r.Run(append(append(args, r.image), strings.Fields(what.program)...)...)
}

func (r *real) turn(id, health string) {
	r.Do("exec", id, "/subject", health)
}

func (r *real) stop(id string) { r.Do("stop", "--time", "1", r.Ready(id)) }
func (r *real) kill(id string, signal int) {
	r.Do("kill", "--signal", strconv.Itoa(signal), r.Ready(id))
}
func (r *real) remove(id string) { r.Do("rm", id) }

func TestRealEngineMeetsTheContract(t *testing.T) {
	d := dockertest.Host(t)
	c, err := dockerapi.New(d.Host, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	holds(t, &real{d, c, d.Subject(`HEALTHCHECK --interval=100ms --retries=1 CMD ["/subject", "probe"]`)})
}
