package fix

// Set are the shell commands that set a key in a file of KEY=VALUE lines, such as
// ecs.config. They can be run again: sed first removes an older line with the key,
// and its "$a\" ends a last line that has no line feed, to which tee would otherwise
// append.
func Set(path, key, value string) []string {
	return []string{
		"sudo sed -i -e '/^ *" + key + "=/d' -e '$a\\' " + path,
		"echo " + key + "=" + value + " | sudo tee -a " + path,
	}
}
