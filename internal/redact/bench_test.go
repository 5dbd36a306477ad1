package redact_test

import (
	"strings"
	"testing"

	"muster/internal/redact"
	"muster/test/redacttest"
)

var benchLines = map[string]string{
	"ecs-agent": `level=info time=2026-01-02T03:04:05Z msg="Managed task ` +
		`[arn:aws:ecs:eu-west-1:123456789012:task/prod/0123456789abcdef0123456789abcdef]: Container [name=web ` +
		`runtimeID=4f5e6d7c8b9a0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796] changed status: RUNNING" module=task_manager.go`,
	"kernel": `[    1.234567] EXT4-fs (nvme0n1p1): mounted filesystem with ordered data mode. Opts: (null)`,
	"token": `level=error time=2026-01-02T03:04:05Z msg="Error getting credentials" error="The security token included in the request ` +
		`is expired" module=credentials.go`,
	"secret": `time="2026-01-02T03:04:05Z" level=debug msg="form data: {\"Env\":[\"DB_PASSWORD=hunter2\",\"A=b\"],\"Image\":\"app\"}"`,
}

func BenchmarkLog(b *testing.B) {
	for name, line := range benchLines {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(line)))
			for b.Loop() {
				redact.Log(line)
			}
		})
	}
}

// megabytes returns texts of one megabyte, each a worst case for another part of the search.
func megabytes() map[string]string {
	var all strings.Builder
	for _, s := range redacttest.Corpus() {
		all.WriteString(strings.ReplaceAll(s.Text, "\n", " ") + " ")
	}
	repeat := func(s string) string { return strings.Repeat(s, 1<<20/len(s)) }
	return map[string]string{
		"names":         repeat("password token secret "),
		"assignments":   repeat("password=x1y2 "),
		"quotes":        repeat(`"`),
		"backslashes":   repeat(`\`),
		"escapes":       repeat(`\\\"a`),
		"fields":        repeat(`{"name":"password","value":`),
		"values":        repeat(`value=a name=b `),
		"commands":      repeat("mysql docker login curl -u "),
		"at":            repeat("a:b@"),
		"colons":        repeat("a:"),
		"pipes":         repeat("echo a | "),
		"angles":        repeat(`<a name="`),
		"base64":        repeat("aB3dE5gH7jK9mN1p"),
		"every secret":  repeat(all.String()),
		"begin":         repeat("-----BEGIN PRIVATE KEY"),
		"nested quotes": repeat(`"{\"a\":\"{\\\"password\\\":\\\"x\\\"}\"}" `),
	}
}

func BenchmarkOneMegabyte(b *testing.B) {
	for name, line := range megabytes() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(line)))
			for b.Loop() {
				redact.Log(line)
			}
		})
	}
}
