//go:build linux

package instance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"slices"
	"time"

	"muster/test/field/fieldcase"
)

// expiry is the expiration of all certificates. It is later than any clock in a case.
var expiry = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

// authority is a CA.
type authority struct {
	cert *x509.Certificate
	der  []byte
	key  *ecdsa.PrivateKey
}

func newAuthority(name string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Unix(0, 0), NotAfter: expiry,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	return &authority{cert, der, key}, err
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.der})
}

func (a *authority) issue(names []string) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: time.Unix(0, 0), NotAfter: expiry,
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, a.cert, &key.PublicKey, a.key)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// certificates returns a TLS configuration that selects the certificate of an endpoint. It uses the case's certificate
// for the longest prefix of the name, or else one of the trusted CA.
func certificates(trusted *authority, special map[string]fieldcase.Certificate) (*tls.Config, error) {
	usual, err := trusted.issue([]string{"*.eu-central-1.amazonaws.com", "*.amazonaws.com", "*.eu-west-1.amazonaws.com"})
	if err != nil {
		return nil, err
	}
	issued := map[string]*tls.Certificate{}
	for _, prefix := range slices.Sorted(maps.Keys(special)) {
		issuer := trusted
		if name := special[prefix].Issuer; name != "" {
			if issuer, err = newAuthority(name); err != nil {
				return nil, err
			}
		}
		if issued[prefix], err = issuer.issue(special[prefix].Names); err != nil {
			return nil, fmt.Errorf("certificate of %s: %w", prefix, err)
		}
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if cert, ok := byPrefix(issued, hello.ServerName); ok {
				return cert, nil
			}
			return usual, nil
		},
	}, nil
}

// serveEndpoints listens at AWS's addresses, in front of the sandbox's API, and returns the certificate of the trusted
// CA. AWS's clock is behind by clockAhead.
func serveEndpoints(api string, clockAhead time.Duration, special map[string]fieldcase.Certificate) (front *Front, ca []byte, err error) {
	trusted, err := newAuthority("Amazon Root CA 1")
	if err != nil {
		return nil, nil, err
	}
	config, err := certificates(trusted, special)
	if err != nil {
		return nil, nil, err
	}
	behind, err := forward(api)
	if err != nil {
		return nil, nil, err
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead && r.Header.Get("Authorization") == "" { // an unsigned HEAD reads the time
			w.Header().Set("Date", time.Now().Add(-clockAhead).UTC().Format(http.TimeFormat))
			w.WriteHeader(http.StatusNotFound)
			return
		}
		behind.ServeHTTP(w, r)
	})
	var addrs []string
	for _, addr := range slices.Concat(endpoints, inVPC) {
		addrs = append(addrs, "tcp "+addr+":443")
	}
	front, err = newFront(handler, config, addrs...)
	return front, trusted.pem(), err
}
