package bootstrap

import (
	"slices"
	"strings"

	"muster/internal/base/fix"
	"muster/internal/config"
	"muster/internal/redact"
)

// again returns the command line that repeats this bootstrap with the given cluster, or with the same cluster if name
// is empty. It includes every setting that came from a flag or the environment, because a failed bootstrap does not
// record its settings. Secrets are masked.
func (r *run) again(name string, more ...string) string {
	values := map[string]string{}
	for _, shown := range r.Config.Show() {
		if layer := shown.Origin.Layer; layer == config.LayerFlag || layer == config.LayerEnvironment {
			values[shown.Variable] = shown.Value
		}
	}
	if name != "" {
		values["MUSTER_CLUSTER"] = name
	}
	words := append([]string{"sudo", "muster", "bootstrap"}, more...)
	for _, s := range config.Settings() {
		value, given := values[s.Variable]
		switch {
		case !given || !slices.Contains(s.Commands, "bootstrap"):
		case s.Variable == "MUSTER_ECS":
			for _, pair := range r.Config.ECS {
				words = append(words, "--ecs", pair.Key+"="+redact.Value(pair.Key, pair.Value))
			}
		case slices.Contains(more, "--"+s.Flag):
		case s.Bool:
			words = append(words, "--"+s.Flag+"="+value)
		default:
			words = append(words, "--"+s.Flag, value)
		}
	}
	for i, w := range words {
		words[i] = shellQuote(w)
	}
	return strings.Join(words, " ")
}

// thenAgain appends the command that repeats this bootstrap to the commands that fix err.
func (r *run) thenAgain(err error) error {
	to := fix.Of(err)
	again := func(command string) bool { return strings.HasPrefix(command, "sudo muster bootstrap") }
	if len(to.Commands) == 0 || slices.ContainsFunc(to.Commands, again) || r.badSettings {
		return err
	}
	to.Commands = append(slices.Clone(to.Commands), r.again(""))
	return fix.Because(err, fix.Why(err), to)
}

// withSettings adds the settings of this run to each bootstrap command in a fix from package check, which does not know
// the flags.
func (r *run) withSettings(to fix.Fix) fix.Fix {
	return to.Map(func(line string) string {
		if name, is := strings.CutPrefix(line, "sudo muster bootstrap --cluster "); is {
			return r.again(name)
		}
		return line
	})
}

// shellQuote puts a word in single quotes unless it consists of plain characters only.
func shellQuote(word string) string {
	plain := func(c rune) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("-_./:=,@%+", c)
	}
	if word != "" && strings.TrimLeftFunc(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
