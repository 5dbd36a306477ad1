package cloudinit

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"regexp"
	"strings"
	"unicode"
)

// maxUnpacked limits the size of unpacked user data, which has at most 16 KiB packed.
const maxUnpacked = 1 << 20

// headers are the prefixes that cloud-init uses to identify user data, in lower case (cloudinit/handlers/__init__.py,
// INCLUSION_TYPES_MAP).
var headers = []string{"#!", "#cloud-config", "#include", "## template: jinja", "#part-handler", "#cloud-boothook", "#upstart-job"}

// nearHeader matches a first line that was probably meant to be "#cloud-config".
var nearHeader = regexp.MustCompile(`(?i)^(# +|#!|;|-+ *)?cloud-config\b`)

// Flaws returns why cloud-init does not run user data because of its form, one sentence each. It reads the first bytes
// of the whole and of each MIME part, and quotes nothing, because user data may contain secrets. It returns nil if the
// form is valid or there is no user data.
func Flaws(data []byte) []string {
	if unpacked, is := gunzip(data); is {
		data = unpacked
	}
	if len(data) == 0 {
		return nil
	}
	if isMIME(data) {
		return flawsOfParts(data)
	}
	return flawsOf("user data", data)
}

// flawsOf checks one script or document; what names it in messages.
func flawsOf(what string, data []byte) []string {
	first, _, _ := bytes.Cut(data, []byte("\n"))
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return []string{what + ` begins with a UTF-8 byte order mark, so its first bytes are not "#!" or "#cloud-config"`}
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return []string{what + " is UTF-16 text, which cloud-init does not run"}
	case begins(data) && bytes.HasPrefix(first, []byte("#!")) && bytes.HasSuffix(first, []byte("\r")):
		return []string{
			fmt.Sprintf(
				`line 1 of %s ends with a carriage return (\r, Windows line endings): the kernel finds no interpreter of that name`,
				what,
			),
		}
	case begins(data):
		return nil
	}
	return []string{what + " " + describeStart(data, first)}
}

// describeStart describes the start of data that has none of the headers.
func describeStart(data, first []byte) string {
	trimmed := bytes.TrimLeftFunc(data, unicode.IsSpace)
	line := strings.TrimSpace(string(first))
	switch decoded, is := unbase64(data); {
	case len(trimmed) == 0:
		return "contains only blanks"
	case begins(trimmed) && len(trimmed) < len(data):
		return `begins with a blank or an empty line before "#", so its first bytes are not "#!" or "#cloud-config"`
	case is && (begins(decoded) || isMIME(decoded)):
		return "is base64 text: it was encoded twice"
	case windows(trimmed):
		return "is a script for Windows (<powershell> or <script>), which cloud-init on Linux does not run"
	case nearHeader.MatchString(line):
		return `does not begin with exactly "#cloud-config", so cloud-init does not treat it as cloud-config`
	}
	return `does not begin with "#!", "#cloud-config" or a MIME header, so cloud-init runs none of it`
}

func begins(data []byte) bool {
	start := strings.ToLower(string(data[:min(len(data), 32)]))
	for _, h := range headers {
		if strings.HasPrefix(start, h) {
			return true
		}
	}
	return false
}

func windows(data []byte) bool {
	start := strings.ToLower(string(data[:min(len(data), 32)]))
	return strings.HasPrefix(start, "<powershell>") || strings.HasPrefix(start, "<script>")
}

// isMIME follows cloud-init's rule (cloudinit/user_data.py, convert_string), and also accepts a Content-Type in the
// first line.
func isMIME(data []byte) bool {
	start := bytes.ToLower(data[:min(len(data), 4096)])
	return bytes.Contains(start, []byte("mime-version:")) || bytes.HasPrefix(start, []byte("content-type: multipart"))
}

// flawsOfParts checks the scripts in the parts of a MIME message, after decoding quoted-printable and base64.
func flawsOfParts(data []byte) []string {
	message, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		return []string{"user data has an invalid MIME header, so cloud-init finds no parts in it"}
	}
	kind, params, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	switch {
	case err != nil || strings.HasPrefix(kind, "multipart/") && params["boundary"] == "":
		return []string{"user data is MIME without a boundary between its parts, so cloud-init finds no parts in it"}
	case !strings.HasPrefix(kind, "multipart/"):
		return nil
	}
	var flaws []string
	parts := multipart.NewReader(io.LimitReader(message.Body, maxUnpacked), params["boundary"])
	n := 0
	for {
		part, err := parts.NextRawPart()
		if err != nil {
			break
		}
		n++
		if flaw := partFlaw(n, part); flaw != "" {
			flaws = append(flaws, flaw)
		}
	}
	if n == 0 {
		flaws = append(flaws, "user data is MIME, but its boundary never occurs in it: it has no parts")
	}
	return flaws
}

// partFlaw checks a part that is declared as a script.
func partFlaw(n int, part *multipart.Part) string {
	kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
	body, err := io.ReadAll(part)
	if err != nil || kind != "text/x-shellscript" {
		return ""
	}
	if strings.EqualFold(part.Header.Get("Content-Transfer-Encoding"), "base64") {
		if body, _ = unbase64(body); body == nil {
			return fmt.Sprintf("part %d of user data is not base64 text, but its header says so", n)
		}
	}
	if flaws := flawsOf(fmt.Sprintf("part %d of user data", n), body); len(flaws) > 0 {
		return flaws[0]
	}
	return ""
}

func unbase64(data []byte) ([]byte, bool) {
	text := strings.Join(strings.Fields(string(data)), "")
	out, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(out) == 0 {
		return nil, false
	}
	if unpacked, is := gunzip(out); is {
		out = unpacked
	}
	return out, true
}

func gunzip(data []byte) ([]byte, bool) {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, false
	}
	defer r.Close()
	out, err := io.ReadAll(io.LimitReader(r, maxUnpacked))
	return out, err == nil && len(out) > 0
}
