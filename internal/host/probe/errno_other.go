//go:build !linux

package probe

import "syscall"

const errNoNetwork = syscall.ENETUNREACH // only Linux has ENONET
