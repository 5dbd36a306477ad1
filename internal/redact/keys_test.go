package redact_test

import (
	"encoding/base64"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"
)

type noted struct {
	kind, text string
	parts      []string // none of which may be left
}

func notations() []noted {
	rnd := make([]byte, 600)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(rnd)
	hx := hex.EncodeToString(rnd)
	var colon []string
	for i := 0; i+30 <= 240; i += 30 {
		var c []string
		for j := 0; j < 30; j += 2 {
			c = append(c, hx[i+j:i+j+2])
		}
		colon = append(colon, "    "+strings.Join(c, ":")+":")
	}
	text := "#!/bin/sh\nexport DB_PASSWORD=xK4mZp9wTq2LQ7\nmuster bootstrap --cluster prod\necho done with the script of the user data ok\n"
	b64 := base64.StdEncoding.EncodeToString([]byte(text))
	var mime []string
	for i := 0; i < len(b64); i += 76 {
		mime = append(mime, b64[i:min(len(b64), i+76)])
	}
	short := base64.StdEncoding.EncodeToString([]byte("DB_PASSWORD=xK4mZp9w\n"))
	gz := "H4sIAAAAAAAA/" + base64.StdEncoding.EncodeToString(rnd[:60])
	b := base64.StdEncoding.EncodeToString(rnd)
	return []noted{
		{
			"openssl -text",
			"Private-Key: (2048 bit)\nprivateExponent:\n" + strings.Join(colon, "\n") + "\nprime1:\n" + strings.Join(colon[:2], "\n"),
			[]string{colon[0][4:30], colon[5][4:30]},
		},
		{
			"openssl ec -text",
			"Private-Key: (256 bit)\npriv:\n" + strings.Join(colon[:3], "\n") + "\npub:\n    04:aa:bb",
			[]string{colon[0][4:30], colon[2][4:30]},
		},
		{
			"OpenVPN static",
			"-----BEGIN OpenVPN Static key V1-----\n" + hx[:32] + "\n" + hx[32:64] + "\n" + hx[64:96] + "\n-----END OpenVPN Static key V1-----",
			[]string{hx[:32], hx[64:96]},
		},
		{"SSLKEYLOG", "CLIENT_RANDOM " + hx[:64] + " " + hx[64:160], []string{hx[64:160]}},
		{"SSLKEYLOG 1.3", "CLIENT_TRAFFIC_SECRET_0 " + hx[:64] + " " + hx[64:160], []string{hx[64:160]}},
		{"MIME base64", "Content-Transfer-Encoding: base64\n\n" + strings.Join(mime, "\n"), append([]string{}, mime...)},
		{"cloud-config b64", "write_files:\n- encoding: b64\n  path: /etc/x.env\n  content: " + short, []string{short}},
		{"cloud-config gz+b64", "- encoding: gz+b64\n  content: " + gz, []string{gz[20:60]}},
		{"cloud-config !!binary", "  content: !!binary |\n    " + short + "\n    " + b[:60], []string{short, b[8:50]}},
		{
			"AWS KeyMaterial",
			`{"KeyName":"k","KeyMaterial":"-----BEGIN RSA PRIVATE KEY-----\n` + b[:64] + `\n` + b[64:128] + `\n-----END RSA PRIVATE KEY-----"}`,
			[]string{b[:30], b[70:120]},
		},
		{
			"EC key, indented in env of docker inspect",
			"\"Env\": [\n  \"TLS_KEY=-----BEGIN PRIVATE KEY-----\\n" + b[:64] + "\\n" + b[64:128] + "\\n-----END PRIVATE KEY-----\\n\"\n]",
			[]string{b[:30], b[70:120]},
		},
		{"wg genkey", "+ wg genkey\n" + b[:43] + "=", []string{b[:43]}},
		{"ed25519 hex", "private_key_hex: " + hx[:64], []string{hx[:64]}},
		{"hex key, named", "ENCRYPTION_KEY=" + hx[:64], []string{hx[:64]}},
		{"hex psk", "psk " + hx[:64], []string{hx[:64]}},
		{"PSK file", "TLSPSKIdentity=host1\nPSK=" + hx[:64], []string{hx[:64]}},
		{
			"kubernetes tls.key",
			"data:\n  tls.crt: LS0tLS1CRUdJTiBDRVJU\n  tls.key: " + base64.StdEncoding.EncodeToString(
				[]byte("-----BEGIN PRIVATE KEY-----\n"+b[:64]),
			),
			[]string{base64.StdEncoding.EncodeToString([]byte("-----BEGIN PRIVATE KEY-----\n" + b[:64]))[10:60]},
		},
		{"age", "AGE-SECRET-KEY-1" + strings.ToUpper(hx[:58]), []string{strings.ToUpper(hx[:40])}},
		{"jwk oct", `{"kty":"oct","k":"` + b[:43] + `"}`, []string{b[:30]}},
		{
			"jwk reversed",
			`{"d":"` + strings.NewReplacer("/", "_", "+", "-").Replace(b[:43]) + `","crv":"P-256","kty":"EC"}`,
			[]string{strings.NewReplacer("/", "_", "+", "-").Replace(b[:30])},
		},
		{
			"jwk pretty",
			"{\n  \"kty\": \"EC\",\n  \"d\": \"" + strings.NewReplacer("/", "_", "+", "-").Replace(b[:43]) + "\"\n}",
			[]string{strings.NewReplacer("/", "_", "+", "-").Replace(b[:30])},
		},
		{
			"pem in set -x quoted",
			"+ echo $'-----BEGIN PRIVATE KEY-----\\n" + b[:64] + "\\n" + b[64:128] + "\\n-----END PRIVATE KEY-----'",
			[]string{b[:30], b[70:120]},
		},
		{
			"pem with journald prefix and blank",
			"app[1]: -----BEGIN EC PRIVATE KEY-----\nother[2]: unrelated\napp[1]: " + b[:64] + "\napp[1]: -----END EC PRIVATE KEY-----",
			[]string{b[:30]},
		},
		{
			"PGP message",
			"-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n\n" + b[:64] + "\n=abcd\n-----END PGP PRIVATE KEY BLOCK-----",
			[]string{b[:30]},
		},
		{
			"SSH2",
			"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nComment: x\n" + b[:70] + "\n---- END SSH2 ENCRYPTED PRIVATE KEY ----",
			[]string{b[:30]},
		},
		{
			"cert and key bundle in yaml list",
			"- |\n  -----BEGIN CERTIFICATE-----\n  " + b[:64] + "\n  -----END CERTIFICATE-----\n  -----BEGIN PRIVATE KEY-----\n  " + b[64:128] +
				"\n  -----END PRIVATE KEY-----",
			[]string{b[70:120]},
		},
		{
			"docker config auth multi",
			"{\n\t\"auths\": {\n\t\t\"https://index.docker.io/v1/\": {\n\t\t\t\"auth\": \"" + base64.StdEncoding.EncodeToString(
				[]byte("joe:xK4mZp9wT"),
			) + "\"\n\t\t}\n\t}\n}",
			[]string{base64.StdEncoding.EncodeToString([]byte("joe:xK4mZp9wT"))},
		},
		{
			"docker config auth, unpadded",
			"\t\t\t\"auth\": \"" + base64.RawStdEncoding.EncodeToString([]byte("joe:xK4mZp9")) + "\"",
			[]string{base64.RawStdEncoding.EncodeToString([]byte("joe:xK4mZp9"))},
		},
		{"echo base64", "+ echo " + short + "\n+ base64 -d", []string{short}},
	}
}

func TestKeysInOtherNotations(t *testing.T) {
	for _, c := range notations() {
		for way, mask := range ways {
			if wrapped := way == "logfmt" || way == "JSON in a log"; wrapped && strings.Contains(c.text, "\n") {
				continue
			}
			got := mask(c.text)
			for _, p := range c.parts {
				if strings.Contains(got, p) {
					t.Errorf("%s, %s: %q in %q", c.kind, way, p, got)
					break
				}
			}
		}
	}
}
