package netpath

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
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
	Untrusted   Kind = "untrusted"     // the certificate's issuer, or its name
	NotYetValid Kind = "not yet valid" // the certificate, by this host's clock
	Expired     Kind = "expired"       // the same
	Failed      Kind = "failed"        // in another way: reset, the proxy's refusal, ...
)

// classify also says who issued a certificate that was not accepted, and cuts
// the error down to what the network said.
func classify(err error, now time.Time) (kind Kind, issuer string, plain error) {
	var unverified *tls.CertificateVerificationError
	if errors.As(err, &unverified) && len(unverified.UnverifiedCertificates) > 0 {
		leaf := unverified.UnverifiedCertificates[0]
		return certificate(unverified.Err, leaf, now), leaf.Issuer.String(), unverified.Err
	}
	var lookup *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &lookup):
		return Unresolved, "", lookup
	case errors.As(err, &op):
		err = op
	}
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused, "", err
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return NoRoute, "", err
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return TimedOut, "", err
	}
	return Failed, "", err
}

func certificate(err error, leaf *x509.Certificate, now time.Time) Kind {
	var invalid x509.CertificateInvalidError
	switch {
	case !errors.As(err, &invalid) || invalid.Reason != x509.Expired: // Go's word for both ends
		return Untrusted
	case now.Before(leaf.NotBefore):
		return NotYetValid
	}
	return Expired
}
