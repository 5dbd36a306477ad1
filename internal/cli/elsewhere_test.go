package cli

import (
	"io"
	"log/slog"
	"strings"
	"testing"

	"muster/internal/base/exitcode"
	"muster/internal/base/fix"
)

func TestOnAnotherSystemACommandSaysWhatItNeeds(t *testing.T) {
	cmd := bootstrapCommand(slog.New(slog.DiscardHandler))
	onInstance("darwin", cmd)
	cmd.SetArgs([]string{"--cluster", "prod"})
	cmd.SetOut(io.Discard)
	cmd.SetErr(io.Discard)
	err := cmd.Execute()
	if err == nil || exitcode.Of(err) != exitcode.Usage ||
		!strings.Contains(err.Error(), "needs a Linux container instance, but this is darwin") {
		t.Errorf("error %v", err)
	}
	if got := fix.Of(err).Commands; len(got) == 0 || !strings.HasPrefix(got[0], "muster fleet ") {
		t.Errorf("commands %q", got)
	}
}
