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

// Kind classifies the result of a request.
type Kind string

// Kinds of results.
const (
	Reached     Kind = "reached"
	Unresolved  Kind = "unresolved" // the name of the endpoint or of the proxy
	TimedOut    Kind = "timed out"
	Refused     Kind = "refused"
	NoRoute     Kind = "no route"      // reported by this host or by a router
	Untrusted   Kind = "untrusted"     // the issuer of the certificate
	WrongName   Kind = "wrong name"    // the certificate is for another host
	NotYetValid Kind = "not yet valid" // the certificate, according to this host's clock
	Expired     Kind = "expired"       // the certificate, according to this host's clock
	Rejected    Kind = "rejected"      // the proxy rejects CONNECT
	Failed      Kind = "failed"        // another error, such as a reset or no TLS
)

// Certificate is a rejected certificate.
type Certificate struct {
	Issuer     string   // distinguished name
	IssuerName string   // common name, else organization, else the distinguished name
	Names      []string // the names that it is valid for
	NotBefore  time.Time
	NotAfter   time.Time
	// Trusted means that the issuer is trusted, or that Err has another reason.
	Trusted bool
}

// rejection is the answer of a proxy that rejects CONNECT.
type rejection struct{ status string }

func (r rejection) Error() string { return "the proxy answers CONNECT with " + r.status }

// classify also describes a rejected certificate, and reduces the error to the network's message.
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

// certificate determines why a certificate was rejected. crypto/x509 checks dates and names before the issuer, so a
// wrong name does not show whether the issuer is trusted.
func (p Prober) certificate(unverified *tls.CertificateVerificationError) (Kind, *Certificate) {
	leaf := unverified.UnverifiedCertificates[0]
	shown := &Certificate{Issuer: leaf.Issuer.String(), IssuerName: commonName(leaf.Issuer), Names: names(leaf),
		NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter, Trusted: p.trusts(unverified.UnverifiedCertificates)}
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	switch {
	case errors.As(unverified.Err, &name):
		return WrongName, shown
	case !errors.As(unverified.Err, &invalid) || invalid.Reason != x509.Expired: // Go uses it for both ends of the validity
		return Untrusted, shown
	case p.now().Before(leaf.NotBefore):
		return NotYetValid, shown
	}
	return Expired, shown
}

// trusts reports whether the issuer is trusted, regardless of names and dates.
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

// names returns the names that clients compare. Clients ignore the common name (RFC 6125); it is shown only if there is
// no other.
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
