//go:build linux

package instance

import (
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"
)

// startServices starts the services that muster reaches over the network. It also builds the environment, which
// contains the addresses of the other services.
func (i *Instance) startServices() error {
	metadata, err := forward(i.box.IMDSURL())
	if err != nil {
		return err
	}
	if i.Metadata, err = newFront(metadata, nil, "tcp "+metadataAddr+":80"); err != nil {
		return err
	}
	names := maps.Clone(zone)
	maps.Copy(names, i.c.DNS)
	if err := serveDNS(names); err != nil {
		return err
	}
	var ca []byte
	if i.AWS, ca, err = serveEndpoints(i.box.APIURL(), i.c.ClockAhead, i.c.TLS); err != nil {
		return err
	}
	if err := i.disk.write("etc/pki/ca.pem", ca); err != nil {
		return err
	}
	i.env = append([]string{
		"MUSTER_INTROSPECTION_URL=" + i.box.IntrospectionURL(),
		"MUSTER_CONSOLE=",
		"SSL_CERT_FILE=/etc/pki/ca.pem",
		"PATH=/usr/local/bin",
	}, i.c.Env...)
	if i.c.Network.Proxy {
		return serveProxy()
	}
	return nil
}

// serve serves until the process ends or the server is closed.
func serve(l net.Listener, h http.Handler) *http.Server {
	server := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }()
	return server
}

// forward returns a handler that passes requests on unchanged. If the other side closes the connection, the handler
// does too.
func forward(to string) (http.Handler, error) {
	target, err := url.Parse(to)
	if err != nil {
		return nil, err
	}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
			r.Out.Host = r.In.Host // the signature covers it
			r.Out.URL.RawQuery = r.In.URL.RawQuery
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { hangUp(w) },
		ErrorLog:     log.New(io.Discard, "", 0),
	}, nil
}

func hangUp(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = conn.Close()
	}
}

// serveProxy runs a proxy that tunnels to the AWS endpoints.
func serveProxy() error {
	l, err := net.Listen("tcp", proxyAddr+":3128")
	if err != nil {
		return err
	}
	serve(l, http.HandlerFunc(tunnel))
	return nil
}

// tunnel handles CONNECT. It connects a name that is not in the zone to the ECS endpoint.
func tunnel(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	to, ok := byPrefix(zone, r.Host)
	if !ok {
		to = zone["ecs."]
	}
	up, err := net.Dial("tcp", net.JoinHostPort(to, "443"))
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer up.Close()
	down, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer down.Close()
	_, _ = io.WriteString(down, "HTTP/1.1 200 OK\r\n\r\n")
	go func() { _, _ = io.Copy(up, down) }()
	_, _ = io.Copy(down, up)
}
