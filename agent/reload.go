package agent

import (
	"slices"

	"muster/internal/config"
)

// live lists the settings that take effect without a restart.
func live() []string {
	return []string{"MUSTER_CLUSTER", "MUSTER_DIMENSIONS", "MUSTER_UNHEALTHY_AFTER", "MUSTER_UNHEALTHY_MAX_SHARE"}
}

// reload reads the configuration again, and logs which changes need a restart. An invalid configuration changes
// nothing.
func (a *Agent) reload() {
	log := a.Log.With("phase", "reload")
	fresh, err := a.Reload()
	if err != nil {
		log.Error("the configuration is unchanged: " + err.Error())
		return
	}
	was := a.Settings
	for _, s := range changed(was, fresh) {
		if slices.Contains(live(), s.Variable) {
			log.Info(s.Variable+" is now "+s.Value, "from", s.Origin.String())
			if s.Variable == "MUSTER_CLUSTER" && a.Ports != nil {
				log.Warn("the replication ports of the previous cluster are checked until the next start")
			}
		} else {
			log.Warn(s.Variable + " takes effect at the next start: systemctl restart muster-agent")
		}
	}
	// All other settings stay, so that the next reload compares with those in effect.
	a.Settings.Cluster = fresh.Cluster
	cfg := *was.Config
	cfg.Cluster, cfg.Dimensions, cfg.UnhealthyAfter, cfg.UnhealthyMaxShare = fresh.Config.Cluster, fresh.Dimensions, fresh.UnhealthyAfter,
		fresh.UnhealthyMaxShare
	a.Settings.Config = &cfg
	a.Registration.Expected = fresh.Cluster
	a.settleCluster()
	if a.Healer != nil {
		a.Healer.After, a.Healer.MaxShare = fresh.UnhealthyAfter, fresh.UnhealthyMaxShare
		a.Registration.MaxInterval = a.Healer.MaxInterval()
	}
	log.Info("read again")
}

// changed returns the settings that differ.
func changed(was, is Settings) []config.Shown {
	var out []config.Shown
	before := was.Show()
	all := config.Settings()
	for i, s := range is.Show() {
		if s.Value != before[i].Value && slices.Contains(all[i].Commands, "agent") {
			out = append(out, s)
		}
	}
	return out
}
