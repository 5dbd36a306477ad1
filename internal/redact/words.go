package redact

import "strings"

// Lower-case words that make an identifier the name of a secret.
var (
	// passWords occur at the end of names of passwords.
	passWords = strings.Fields(`password passwords passwd passphrase passcode passwort kennwort wachtwoord contrasena senha pwd pswd pass pw`)
	// secretWords occur at the end of names of other secrets.
	secretWords = strings.Fields(`secret secrets token tokens credential credentials`)
	// codeWords are names of secrets that never occur in prose.
	codeWords = strings.Fields(`
		apikey accesskey accountkey privatekey secretkey authkey masterkey sharedkey signingkey encryptionkey authdata
		sharedaccesssignature authtok requirepass masterauth connectionstring psk`)
	// weakWords may be names of secrets. They count only if the value looks random.
	weakWords = strings.Fields(`
		key keys auth sig signature session sessionid jsessionid phpsessid sid cookie salt seed hmac pin otp totp jwt
		bearer assertion sas webhook mnemonic community license code ticket nonce hash digest encrypt pepper`)
	// notPass lists words and programs that end like the name of a password.
	notPass = strings.Fields(`bypass compass encompass overpass underpass trespass surpass chpasswd htpasswd mkpasswd wrongpass`)
	// keyKinds are words that make a following "key" the name of a secret.
	keyKinds = strings.Fields(`
		access account api app application auth client encryption license master private secret session shared signing
		storage subscription functions integration deploy hmac aes crypt cipher signature service write admin sec activation registration`)
	// qualifiers are words for properties of a secret. A name that ends with one does not hold a secret.
	qualifiers = strings.Fields(`
		file path dir directory location ttl seconds secs ms timeout expiry expiration expires expire age length len
		size count limit max min rate version port interval duration days hours minutes rotation type mode kind
		algorithm alg policy provider status state scope method format enabled required source class manager service
		bucket endpoint uri url host issuer audience arn name region stdin authentication error errors exception fault
		denied expired invalid client handler fetcher refresh limiter burst store cache reader factory filter
		validator chain spec field header prompt authenticator config configuration resolver request response py go
		java js rb sh log txt pem crt conf json yml yaml xml jar plugin helper driver listener middleware servlet
		encoder util utils`)
	// stems are parts of the words above. An identifier that contains none of them is not the name of a secret.
	stems = strings.Fields(`
		pass pwd pw pswd psk secret token cred key auth sig sess sid cookie salt seed hmac pin otp jwt bearer assertion sas hook
		mnemonic community license code ticket nonce hash digest encrypt pepper authtok wort wachtwoord contrasena senha connectionstring`)
)
