package netpath

import "strings"

// Nameservers returns the name servers of a resolv.conf, in order: resolv.conf(5).
func Nameservers(resolvConf string) []string {
	var servers []string
	for line := range strings.Lines(resolvConf) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "nameserver" {
			servers = append(servers, words[1])
		}
	}
	return servers
}
