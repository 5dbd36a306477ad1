package redact

import (
	"regexp"
	"strings"
)

// A command describes programs that take a secret after a short flag or as a positional argument. To support another
// program, add a row; a test masks each example.
type command struct {
	programs string // separated by spaces
	example  string // « and » enclose the secret
	before   string // pattern of the arguments before the secret, in which ARG matches an argument separator
}

var commands = []command{
	{"mysql mysqldump mysqladmin mysqlimport mysqlcheck mysqlshow mysqlsh mysqlbinlog mysqlpump " +
		"mariadb mariadb-dump mariadb-admin xtrabackup mariabackup mydumper 7z 7za rar",
		`mysql -h db.example -uroot -p«x9Kq2» app`, `-p`},
	{"sshpass", `sshpass -p «x9Kq2» ssh joe@h.example`, `-p(?:ARG)?`},
	{"redis-cli redis-benchmark valkey-cli keydb-cli", `redis-cli -h cache.example -a «x9Kq2» ping`, `-aARG`},
	{"redis-cli valkey-cli", `redis-cli auth «x9Kq2»`, `(?i:auth)ARG(?:defaultARG)?`},
	{
		"docker podman cosign buildah skopeo helm nerdctl oras crane oc az cf faas-cli kaniko regctl",
		`docker login -u AWS -p «x9Kq2» registry.example`, `login(?:ARG.*?)?ARG-p(?:ARG|=)?`,
	},
	{"az", `az login --service-principal -u app -p «x9Kq2» --tenant t`, `-pARG`},
	{"ctr nerdctl", `ctr images pull --user AWS:«x9Kq2» registry.example/app`, `(?:-u|--user)(?:ARG|=)[\w.-]+:`},
	{"mongo mongosh mongodump mongorestore mongoexport mongoimport mongostat mongotop cqlsh nodetool " +
		"couchbase-cli cbq twine rabbitmqadmin asadmin neo4j-admin cypher-shell rpk racadm beeline",
		`mongosh -u root -p «x9Kq2» admin`, `-pARG`},
	{"mongo mongosh mongodump mongorestore mongoexport mongoimport", `mongo admin -u root -p«'x9Kq2'»`, `-p`},
	{"plink pscp psftp putty nodetool", `plink -ssh joe@h.example -pw «x9Kq2»`, `-pwARG`},
	{"sqlcmd bcp osql isql p4 zip unzip zipcloak ipmitool cbbackup mosquitto_pub mosquitto_sub agent-auth",
		`sqlcmd -S db.example -U sa -P «x9Kq2» -Q x`, `-P(?:ARG)?`},
	{
		"ldapsearch ldapadd ldapmodify ldapdelete ldappasswd ldapwhoami", `ldapsearch -D cn=admin -w «x9Kq2» -b dc=example`,
		`-[ws](?:ARG)?`,
	},
	{"smbclient rpcclient net smbget mount.cifs", `smbclient //h.example/share -U joe%«x9Kq2»`, `-U(?:ARG)?["']?[\w.\\/-]+%`},
	{"openssl", `openssl enc -aes-256-cbc -k «x9Kq2» -in f`, `-[kK]ARG`},
	{"htpasswd mosquitto_passwd", `htpasswd -bB /etc/nginx/htpasswd joe «x9Kq2»`,
		`-\w*b\w*ARG(?:-\w+ARG)*(?:[\w./-]*/[\w./-]+ARG)?[\w.@-]+ARG`},
	{"rabbitmqctl", `rabbitmqctl add_user joe «x9Kq2»`, `(?:add_user|change_password|authenticate_user)ARG[\w.@-]+ARG`},
	{"vault", `vault login «x9Kq2»`, `(?:login|unseal)ARG(?:-\S+ARG)*`},
	{"mc mcli", `mc alias set s3 https://s3.example AKEXAMPLE «x9Kq2»`, `(?:alias set|config host add)ARG\S+ARG\S+ARG\S+ARG`},
	{"mc mcli", `mc admin user add s3 app «x9Kq2»`, `adminARGuserARGaddARG\S+ARG\S+ARG`},
	{"etcdctl", `etcdctl user add root:«x9Kq2»`, `userARGaddARG[\w.@-]+:`},
	{"openssl", `openssl passwd -6 -salt x9Kq «x9Kq2»`,
		`passwdARG(?:-salt(?:ARG|=)\S+?ARG|-(?:1|5|6|apr1|aixmd5|table|noverify|quiet)ARG)*`},
	{"mkpasswd", `mkpasswd -m sha-512 «x9Kq2»`, `(?:-[mSR]ARG\S+?ARG|-s?ARG|--\w+=\S+?ARG)+`},
	{"ipa-client-install ipa-replica-install", `ipa-client-install -p admin -w «x9Kq2»`, `-wARG`},
	{"ipa-server-install", `ipa-server-install -p «x9Kq2» -r EXAMPLE.COM`, `-[ap]ARG`},
	{"dotnet", `dotnet user-secrets set Db:x «x9Kq2»`, `user-secretsARGsetARG\S+?ARG`},
	{"lftp", `lftp -u joe,«x9Kq2» ftp.example`, `-uARG[\w.@-]+,`},
	{"snmpget snmpwalk snmpset snmpbulkwalk", `snmpwalk -v3 -A «x9Kq2» h.example`, `-[AXc]ARG`},
	{"wpa_passphrase", `wpa_passphrase home «x9Kq2»`, `\S+ARG`},
	{"ssh-keygen", `ssh-keygen -t ed25519 -N «'x9Kq2'» -f k`, `-[NP]ARG`},
	{"composer poetry", `composer config http-basic.repo.example joe «x9Kq2»`, `http-basic\.\S+ARG\S+ARG`},
	{
		"consul etcdctl", `consul kv put app/db/password «x9Kq2»`, `putARG\S*(?i:pass|pwd|secret|token|cred|api_?key)\S*?ARG`,
	},
	{"gh", `gh secret set DEPLOY -b «x9Kq2»`, `secretARGsetARG(?:.*?ARG)?-b(?:ARG|=)`},
	{"doctl", `doctl auth init -t «x9Kq2»`, `authARGinitARG(?:.*?ARG)?-tARG`},
	{"nuget", `dotnet nuget push a.nupkg -k «x9Kq2» -s https://h.example`, `(?:(?i:setapikey)|-[kp])ARG`},
	{"cargo", `cargo login --registry r «x9Kq2»`, `loginARG(?:--registry(?:ARG|=)\S+?ARG)?`},
	{"bw", `bw unlock «x9Kq2» --raw`, `(?:unlock|loginARG\S+@\S+)ARG`},
	{"bundle", `bundle config gems.example joe:«x9Kq2»`, `config(?:ARG.*?)?ARG[\w-]+\.[\w.-]+ARG[\w.@-]+:`},
	{"useradd usermod", `useradd -p «x9Kq2» joe`, `-pARG`},
	{"http https httpie xh", `http -a joe:«x9Kq2» https://api.example`, `-aARG[\w.@-]+:`},
	{"curl", `curl -ujoe:«x9Kq2» https://api.example`, `-[a-zA-Z]*[uUE](?:ARG)?[\w.@\\/-]*:`},
	{"curl", `curl --cert c.pem:«x9Kq2» https://api.example`, `--(?:proxy-)?cert(?:ARG|=)[^\s:"']+:`},
	{"net", `net user joe «x9Kq2» /add`, `userARG[\w.-]+ARG`},
	{"net", `net use Z: \\h.example\share «x9Kq2» /user:joe`, `use(?:ARG\w:)?ARG\\\\+\S+ARG`},
	{"consul nomad", `consul kv get -token «x9Kq2» k`, `-tokenARG`},
	{"sudo su", `sudo -p x -S <<< «x9Kq2»`, `.*<<<\s*`},
	{"gpg gpg2 cryptsetup", `gpg --batch --passphrase «x9Kq2» -d f`, `--passphrase(?:ARG|=)`},
	{"npm yarn pnpm", `npm config set //registry.example/:_authToken «x9Kq2»`, `setARG\S*_(?:auth|authToken|password)(?:ARG|=)`},
	{"xfreerdp rdesktop", `rdesktop -u joe -p «x9Kq2» h.example`, `-pARG`},
	{
		"influx influxd kafka-configs control.sh ignitevisorcmd.sh sqlline.sh", `sqlline.sh -n ignite -p «x9Kq2»`,
		`-(?:p|pw|password)ARG`,
	},
	{"splunk", `splunk add forward-server h.example:9997 -auth «admin:x9Kq2»`, `-authARG[\w.@-]+:`},
	{"grafana-cli grafana", `grafana-cli admin reset-admin-password «x9Kq2»`, `reset-admin-passwordARG`},
	{"neo4j-admin", `neo4j-admin dbms set-initial-password «x9Kq2»`, `set-initial-passwordARG`},
	{"ngrok", `ngrok config add-authtoken «x9Kq2»`, `(?:add-)?authtokenARG`},
	{"cloudflared", `cloudflared service install «x9Kq2»`, `serviceARGinstallARG`},
	{"sentinelctl", `sentinelctl management token set «x9Kq2»`, `tokenARGsetARG`},
	{"dsa_control", `dsa_control -a dsm://h.example:443/ tenantID:1B2C token:«x9Kq2»`, `token:`},
	{"qualys-cloud-agent", `qualys-cloud-agent.sh ActivationId=«x9Kq2» CustomerId=x`, `ActivationId=`},
	{
		"pulumi", `pulumi config set dbPassword «x9Kq2» --secret`,
		`configARGset(?:ARG--[\w-]+)*ARG\S*(?i:pass|pwd|secret|token|cred|api_?key)\S*?ARG`,
	},
	{"psexec winexe", `winexe -U joe%«x9Kq2» //h.example`, `-UARG[\w.\\/-]+%`},
}

// commanded finds secrets in the arguments of known programs. Each table row searches a byte at most once, so the time
// is linear.
func (t *tables) commanded(line string, has []bool, found []span) []span {
	for _, c := range t.commands {
		if !c.any(has) {
			continue
		}
		for at := 0; at < len(line); {
			m := c.program.FindStringIndex(line[at:])
			if m == nil {
				break
			}
			from := at + m[1]
			at = from + commandEnd(line[from:])
			found = arguments(c.pattern, line, from, at, found)
		}
	}
	return found
}

// arguments finds the secrets in the arguments of the command at line[from:to].
func arguments(p *regexp.Regexp, line string, from, to int, found []span) []span {
	for from < to {
		m := p.FindStringIndex(line[from:to])
		if m == nil || from+m[1] == to {
			return found
		}
		at := from + m[1]
		v := readValue(line[at:], false)
		if secret := line[at+v.from : at+v.to]; isPassword(secret) && !strings.HasPrefix(secret, "-") {
			found = append(found, span{at + v.from, at + v.to, "command-line"})
		}
		from = at + max(v.to, 1)
	}
	return found
}

// commandEnd returns the offset of the next command in a pipeline or list.
func commandEnd(s string) int {
	for at := 0; at+1 < len(s); at++ {
		switch s[at] {
		case ';', '|':
			if s[at+1] == ' ' || s[at+1] == s[at] {
				return at
			}
		case '&':
			if s[at+1] == '&' {
				return at
			}
		}
	}
	return len(s)
}
