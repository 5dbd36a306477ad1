package probe

import "syscall"

const errNoNetwork = syscall.ENONET
