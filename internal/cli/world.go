package cli

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"muster/check/catalog"
	"muster/internal/base/exitcode"
	"muster/internal/config"
	"muster/internal/host/imds"
	"muster/internal/instance/record"
)

// imdsPatience is how long a look waits for the metadata service: it answers in
// milliseconds where it answers at all.
const imdsPatience = 2 * time.Second

// wholeWorld is what the checks look at, on this instance and now. What is not to be
// had is a finding of theirs, and only settings that cannot be right are an
// error.
func wholeWorld(ctx context.Context, cmd *cobra.Command, log *slog.Logger) (catalog.World, error) {
	set, err := settings(cmd)
	if err != nil {
		return catalog.World{}, err
	}
	if _, err := config.Load(set); err != nil {
		return catalog.World{}, exitcode.Wrap(exitcode.BadConfiguration, err)
	}
	id, noIdentity := imds.New(imdsEndpoint(), imdsPatience).Identity(ctx)
	cfg, rec, damage, err := record.Recall(set, id.InstanceID)
	if err != nil {
		return catalog.World{}, exitcode.Wrap(exitcode.BadConfiguration, err)
	}
	if damage != nil {
		log.Warn(damage.Error(), "phase", "record")
	}
	w := catalog.World{Config: cfg, Record: rec, Identity: id, NoIdentity: noIdentity, Getenv: os.Getenv}
	aws := &clients{}
	return onECS(ctx, aws, onNetwork(ctx, aws, onDocker(w))), nil
}
