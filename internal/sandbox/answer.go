package sandbox

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strconv"
)

// answer is a complete HTTP response that has not been sent, so that a fault can still delay, truncate or replace it.
type answer struct {
	status int
	header http.Header
	body   []byte
	code   string // the AWS error code, for the call log
}

func textAnswer(status int, body string) answer {
	return answer{status: status, header: http.Header{"Content-Type": {"text/plain"}}, body: []byte(body)}
}

func (a answer) send(w http.ResponseWriter) {
	for k, v := range a.header {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

// sendHalf announces the whole body, sends half of it, and closes the connection.
func (a answer) sendHalf(w http.ResponseWriter) {
	var head bytes.Buffer
	fmt.Fprintf(&head, "HTTP/1.1 %d %s\r\nContent-Length: %d\r\n", a.status, http.StatusText(a.status), len(a.body))
	_ = a.header.Write(&head)
	head.WriteString("\r\n")
	if conn := seize(w); conn != nil {
		_, _ = conn.Write(append(head.Bytes(), a.body[:len(a.body)/2]...))
		_ = conn.Close()
	}
}

// reset closes the connection without a response; the client sees a connection reset.
func reset(w http.ResponseWriter) {
	conn := seize(w)
	if conn == nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func seize(w http.ResponseWriter) net.Conn {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil
	}
	return conn
}
