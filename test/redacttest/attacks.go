package redacttest

import "slices"

// attacks are further forms. Their author knew the documentation and the output of the programs but not the redaction
// rules, and wrote them to find out which forms leak.
var attacks = slices.Concat(containerAttacks, shellAttacks, applicationAttacks, serviceAttacks, notationAttacks)
