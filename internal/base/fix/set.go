package fix

// Set returns shell commands that set a key in a file of KEY=VALUE lines, such as ecs.config. They are idempotent: sed
// first removes an older line with the key. Its "$a\" adds a missing final newline, so that tee does not append to the
// last line.
func Set(path, key, value string) []string {
	return []string{
		"sudo sed -i -e '/^ *" + key + "=/d' -e '$a\\' " + path,
		"echo " + key + "=" + value + " | sudo tee -a " + path,
	}
}
