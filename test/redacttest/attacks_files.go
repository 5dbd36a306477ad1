package redacttest

// apart are forms in which the name of a secret, or the program that takes it, is several lines away, above or below.
var apart = []template{
	{
		"docker inspect, arguments above the entry point",
		"\"Cmd\": [\n  \"-p\",\n  \"%s\",\n  \"ssh\",\n  \"joe@h.example\"\n],\n\"Healthcheck\": {\n  \"Test\": [\n    \"NONE\"\n  ]\n},\n" +
			"\"Image\": \"x\",\n\"Volumes\": null,\n\"WorkingDir\": \"\",\n\"Entrypoint\": [\n  \"sshpass\"\n],",
		true,
	},
	{
		"docker inspect, the entry point ends with the flag",
		"\"Cmd\": [\n  \"%s\",\n  \"--host\",\n  \"db\"\n],\n\"Image\": \"x\",\n\"Entrypoint\": [\n  \"/usr/bin/mysql\",\n  \"--password\"\n],",
		true,
	},
	{
		"Terraform, jsonencode of a task definition",
		"~ command    = [\n    \"-h\",\n    \"cache\",\n    \"-a\",\n    \"%s\",\n  ]\n  entryPoint = [\n    \"redis-cli\",\n  ]",
		true,
	},
	{"task definition, sorted", "\"command\": [\n  \"-uroot\",\n  \"-p%s\"\n],\n\"entryPoint\": [\n  \"mysql\"\n],", true},
	{"compose, entry point below", "    command:\n      - -h\n      - cache\n      - -a\n      - %s\n    entrypoint: [\"redis-cli\"]\n", true},
	{
		"cloud-config, write_files",
		"write_files:\n  - path: /etc/app/db_password\n    owner: root:root\n    permissions: '0600'\n    content: |\n      %s\nruncmd: []",
		true,
	},
	{
		"cloud-config, write_files, path below",
		"write_files:\n- content: |\n    %s\n  owner: root:root\n  path: /run/secrets/token\n- path: /etc/motd",
		true,
	},
	{"cloud-config, write_files, on the line", "- content: %s\n  permissions: '0400'\n  path: /etc/app/db-password\n", true},
	{"cloud-config in JSON", "{\n  \"path\": \"/etc/app/db_password\",\n  \"permissions\": \"0600\",\n  \"content\": \"%s\"\n}", true},
	{"Ansible, copy", "- copy:\n    dest: /etc/app/api_token\n    mode: '0600'\n    content: \"%s\"\n", true},
	{
		"Terraform, local_file",
		"+ resource \"local_file\" \"x\" {\n    + content              = \"%s\"\n" +
			"    + file_permission      = \"0600\"\n    + filename             = \"/etc/app/db_password\"\n  }",
		true,
	},

	{"audit, arguments", `type=EXECVE msg=audit(1764291723.123:456): argc=5 a0="mysql" a1="-u" a2="root" a3="--password" a4="%s"`, true},
	{"audit, arguments in the kernel's log", `audit: type=1309 audit(1764291723.123:456): argc=4 a0="sshpass" a1="-p" a2="%s" a3="ssh"`, true},
	{"cloud-config, write_files, on one line", `{"write_files":[{"path":"/etc/app/db_password","permissions":"0600","content":"%s"}]}`, true},
	{"cfn-init, file", `{"path": "/run/secrets/token", "mode": "000600", "content": "%s", "owner": "root"}`, true},
	{"here-document to a file", "cat > /etc/app/db_password <<'EOF'\n%s\nEOF\nchmod 600 /etc/app/db_password", true},
	{"here-document to tee", "sudo tee /etc/app/api_token >/dev/null <<EOF\n%s\nEOF", true},
	{"echo to a file", `echo %s > /run/secrets/db_password`, true},
	{"printf to a file", `printf '%%s' '%s' >> "/root/.vault-token"`, true},
	{"aws ssm, table of columns", "|  Name             |  Type          |  Value  |\n|  /prod/db/main    |  SecureString  |  %s  |", true},
}
