package cli

import (
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"muster/internal/base/exitcode"
	"muster/internal/base/fix"
	"muster/internal/host/dockerapi"
)

// dockerProxyCommand is hidden from the list of commands, because only systemd runs it.
func dockerProxyCommand(log *slog.Logger) *cobra.Command {
	cmd := &cobra.Command{
		Use:    "docker-proxy",
		Hidden: true,
		Short:  "Pass read-only requests of muster-agent to Docker",
		Long: `muster-docker.service runs this command. It takes its listening socket from
systemd (muster-docker.socket) and passes to Docker only GET and HEAD requests
for ping, version, info, events, the list of containers and the inspection of
one. It answers every other request with 403 and logs it.

With it muster-agent needs no access to Docker's own socket, which would make it
root in all but name. It reads no settings and listens on nothing else.`,
		Example: `  systemctl status muster-docker.socket muster-docker.service
  journalctl -u muster-docker`,
		Args: cobra.NoArgs,
	}
	host := cmd.Flags().String("docker-host", dockerapi.DefaultHost, "Docker Engine to forward requests to.")
	cmd.RunE = run(func(cmd *cobra.Command) error {
		proxy, err := dockerapi.NewProxy(*host, log)
		if err != nil {
			return exitcode.Wrap(exitcode.Usage, err)
		}
		listeners, err := activation.Listeners()
		if err == nil && (len(listeners) != 1 || listeners[0] == nil) {
			err = fmt.Errorf("got %d sockets, want 1", len(listeners))
		}
		if err != nil {
			return exitcode.Wrap(exitcode.Usage, fix.Wrap(fmt.Errorf("no socket from systemd: %w", err),
				fix.Do("Start the proxy by its socket unit:", "sudo systemctl start muster-docker.socket")))
		}
		debug.SetGCPercent(gcPercent)
		runtime.GOMAXPROCS(1)
		if _, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil {
			return fmt.Errorf("notifying systemd: %w", err)
		}
		return proxy.Serve(cmd.Context(), listeners[0])
	})
	return cmd
}
