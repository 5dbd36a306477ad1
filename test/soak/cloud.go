//go:build linux

package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"

	"muster/internal/sandbox"
)

// fault is a temporary fault of CloudWatch. A fault with "taken" in its name stores the data first.
type fault string

const (
	none        fault = "none"
	refused     fault = "connection refused"
	throttled   fault = "throttled"
	failed      fault = "503"
	failedTaken fault = "503, taken"
	cut         fault = "cut"
	cutTaken    fault = "cut, taken"
	hangs       fault = "no answer"
)

var faults = []fault{failed, cutTaken, refused, failedTaken, cut, throttled, hangs}

// cloud is a proxy between the agent and the sandbox's AWS. It injects faults into PutMetricData, and records the
// ambiguous data points: those whose response does not show whether they were stored.
type cloud struct {
	box    *sandbox.Sandbox
	addr   string
	client http.Transport

	mu        sync.Mutex
	now       fault
	server    *http.Server
	ambiguous map[datum]bool // true if the data point was stored
	puts      map[fault]int  // number of requests by fault
}

// datum identifies a data point: one series in one minute.
type datum struct {
	minute     int64 // Unix time
	name, dims string
}

func nameOf(at time.Time, name string, dims map[string]string) datum {
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(dims)) {
		text.WriteString(key + "=" + dims[key] + " ")
	}
	return datum{at.Unix() / 60 * 60, name, text.String()}
}

func newCloud(box *sandbox.Sandbox) (*cloud, error) {
	// While the proxy refuses connections, its port is free. The address is one that no other program binds.
	c := &cloud{box: box, addr: "127.77.77.77:0", now: none, ambiguous: map[datum]bool{}, puts: map[fault]int{}}
	return c, c.open()
}

func (c *cloud) open() error {
	l, err := net.Listen("tcp4", c.addr)
	if err != nil {
		return err
	}
	c.addr = l.Addr().String()
	server := &http.Server{Handler: c, ReadHeaderTimeout: time.Minute}
	c.server = server
	go func() { _ = server.Serve(l) }()
	return nil
}

func (c *cloud) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server != nil {
		_ = c.server.Close()
	}
}

func (c *cloud) url() string { return "http://" + c.addr }

// set activates a fault of CloudWatch.
func (c *cloud) set(f fault) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f == c.now {
		return nil
	}
	if c.now == throttled {
		c.box.ClearFaults()
	}
	var err error
	if c.now == refused {
		err = c.open()
	}
	switch c.now = f; f {
	case refused:
		_ = c.server.Close()
	case throttled:
		c.box.Inject(sandbox.Throttled(sandbox.CloudWatch, "PutMetricData", 0))
	}
	return err
}

// ServeHTTP implements http.Handler.
func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if !strings.HasSuffix(r.URL.Path, "/PutMetricData") {
		_ = c.forward(w, r, body)
		return
	}
	c.mu.Lock()
	is := c.now
	c.puts[is]++
	c.mu.Unlock()
	switch is {
	case failed, cut, hangs:
		c.remember(r, body, false)
	case failedTaken, cutTaken:
		if c.forward(nil, r, body) != nil {
			panic(http.ErrAbortHandler)
		}
		c.remember(r, body, true)
	}
	switch is {
	case failed, failedTaken:
		w.WriteHeader(http.StatusServiceUnavailable)
	case cut, cutTaken:
		panic(http.ErrAbortHandler) // closes the connection without a response
	case hangs:
		<-r.Context().Done()
	default:
		_ = c.forward(w, r, body)
	}
}

// forward sends the request to the sandbox, and returns its response unless w is nil.
func (c *cloud) forward(w http.ResponseWriter, r *http.Request, body []byte) error {
	out, err := http.NewRequestWithContext(r.Context(), r.Method, c.box.APIURL()+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	out.Header, out.Host = r.Header.Clone(), r.Host
	resp, err := c.client.RoundTrip(out)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if w == nil {
		if resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
	maps.Copy(w.Header(), resp.Header)
	w.WriteHeader(resp.StatusCode)
	_, err = io.Copy(w, resp.Body)
	return err
}

// remember records the data points of an ambiguous request.
func (c *cloud) remember(r *http.Request, body []byte, taken bool) {
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			panic(err)
		}
		if body, err = io.ReadAll(z); err != nil {
			panic(err)
		}
	}
	v, err := cbor.Decode(body)
	if err != nil {
		panic(err)
	}
	in, _ := v.(cbor.Map)
	list, _ := in["MetricData"].(cbor.List)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, v := range list {
		m, _ := v.(cbor.Map)
		dims := map[string]string{}
		pairs, _ := m["Dimensions"].(cbor.List)
		for _, v := range pairs {
			pair, _ := v.(cbor.Map)
			dims[text(pair["Name"])] = text(pair["Value"])
		}
		at, err := cbor.AsTime(m["Timestamp"])
		if err != nil {
			panic(err)
		}
		c.ambiguous[nameOf(at, text(m["MetricName"]), dims)] = taken
	}
}

func text(v cbor.Value) string {
	s, _ := v.(cbor.String)
	return cmp.Or(string(s), "")
}
