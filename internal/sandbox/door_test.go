package sandbox

import (
	"net"
	"net/http"
	"testing"
)

func TestDoorRefusesWhileShutAndKeepsItsPort(t *testing.T) {
	d, err := newDoor(http.NotFoundHandler())
	if err != nil {
		t.Fatal(err)
	}
	defer d.remove()
	for range 3 {
		if conn, err := net.Dial("tcp4", d.addr); err == nil {
			conn.Close()
			t.Fatal("a shut door accepted a connection")
		}
		if l, err := net.Listen("tcp4", "127.0.0.1:0"); err == nil {
			if l.Addr().String() == d.addr {
				t.Error("the port was given away while the door was shut")
			}
			l.Close()
		}
		if err := d.open(); err != nil {
			t.Fatalf("opening again: %v", err)
		}
		conn, err := net.Dial("tcp4", d.addr)
		if err != nil {
			t.Fatalf("an open door refused: %v", err)
		}
		conn.Close()
		d.shut()
	}
}

func TestDoorShutEndsHangingRequests(t *testing.T) {
	arrived := make(chan struct{})
	d, err := newDoor(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer d.remove()
	if err := d.open(); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		transport := &http.Transport{DisableKeepAlives: true}
		r, _ := http.NewRequest(http.MethodGet, d.url(), nil)
		resp, err := transport.RoundTrip(r)
		if err == nil {
			resp.Body.Close()
		}
		failed <- err
	}()
	<-arrived
	d.shut()
	if <-failed == nil {
		t.Error("a request on a shut door got an answer")
	}
}
