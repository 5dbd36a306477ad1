package netpath

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net"
	"os"
	"slices"
	"syscall"
	"time"
)

// Kind says how a request ended.
type Kind string

// The kinds.
const (
	Reached     Kind = "reached"
	Unresolved  Kind = "unresolved" // the name, or the proxy's
	TimedOut    Kind = "timed out"
	Refused     Kind = "refused"
	NoRoute     Kind = "no route"      // this host, or a router, says so
	Untrusted   Kind = "untrusted"     // the certificate's issuer
	WrongName   Kind = "wrong name"    // the certificate is for another host
	NotYetValid Kind = "not yet valid" // the certificate, by this host's clock
	Expired     Kind = "expired"       // the same
	Rejected    Kind = "rejected"      // the proxy answers CONNECT with an error
	Failed      Kind = "failed"        // in another way: reset, no TLS, ...
)

// Certificate is one that was not accepted.
type Certificate struct {
	Issuer     string   // its distinguished name
	IssuerName string   // its common name, else its organization, else all of it
	Names      []string // the names it is for
	NotBefore  time.Time
	NotAfter   time.Time
	// Trusted: its issuer is trusted, or that was not what Err is about.
	Trusted bool
}

// rejection is the answer of a proxy that opens no tunnel.
type rejection struct{ status string }

func (r rejection) Error() string { return "the proxy answers CONNECT with " + r.status }

// classify also describes a certificate that was not accepted, and cuts the
// error down to what the network said.
func (p Prober) classify(err error) (kind Kind, shown *Certificate, plain error) {
	var unverified *tls.CertificateVerificationError
	if errors.As(err, &unverified) && len(unverified.UnverifiedCertificates) > 0 {
		kind, shown = p.certificate(unverified)
		return kind, shown, unverified.Err
	}
	var lookup *net.DNSError
	var op *net.OpError
	var rejected rejection
	switch {
	case errors.As(err, &rejected):
		return Rejected, nil, rejected
	case errors.As(err, &lookup):
		return Unresolved, nil, lookup
	case errors.As(err, &op):
		err = op
	}
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused, nil, err
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return NoRoute, nil, err
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return TimedOut, nil, err
	}
	return Failed, nil, err
}

// certificate tells the reasons apart. crypto/x509 checks dates and names before
// it looks for the issuer, so a wrong name says nothing about the issuer yet.
func (p Prober) certificate(unverified *tls.CertificateVerificationError) (Kind, *Certificate) {
	leaf := unverified.UnverifiedCertificates[0]
	shown := &Certificate{Issuer: leaf.Issuer.String(), IssuerName: commonName(leaf.Issuer), Names: names(leaf),
		NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter, Trusted: p.trusts(unverified.UnverifiedCertificates)}
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	switch {
	case errors.As(unverified.Err, &name):
		return WrongName, shown
	case !errors.As(unverified.Err, &invalid) || invalid.Reason != x509.Expired: // Go's word for both ends
		return Untrusted, shown
	case p.now().Before(leaf.NotBefore):
		return NotYetValid, shown
	}
	return Expired, shown
}

// trusts says whether the issuer is trusted, whatever the name and the date.
func (p Prober) trusts(chain []*x509.Certificate) bool {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	middle := chain[0].NotBefore.Add(chain[0].NotAfter.Sub(chain[0].NotBefore) / 2)
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: p.Roots, Intermediates: between, CurrentTime: middle})
	return err == nil
}

func commonName(n pkix.Name) string {
	if len(n.Organization) > 0 {
		return cmp.Or(n.CommonName, n.Organization[0])
	}
	return cmp.Or(n.CommonName, n.String())
}

// names are those that clients compare: the common name counts for none of them
// any more (RFC 6125), and is shown where there is no other.
func names(leaf *x509.Certificate) []string {
	out := slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		out = append(out, ip.String())
	}
	if len(out) == 0 && leaf.Subject.CommonName != "" {
		out = []string{leaf.Subject.CommonName}
	}
	return out
}
