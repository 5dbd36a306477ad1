//go:build !linux

package probe

import "syscall"

const errNoNetwork = syscall.ENETUNREACH // ENONET is Linux's
