// SPDX-License-Identifier: MIT OR Apache-2.0
// Dispatch on the kernel's version.
// case old: kernel_version=KERNEL_VERSION(4,19,0) => live 3; dead 1 2
// case middle: kernel_version=KERNEL_VERSION(5,10,7) => live 2; dead 1 3
// case new: kernel_version=KERNEL_VERSION(6,1,192) => live 1; dead 2 3

#include "pattern.h"

VAR(__u32, kernel_version);

PROGRAM
{
	__u64 t;

	if (kernel_version >= KERNEL_VERSION(5, 15, 0)) {
		t = bpf_ktime_get_boot_ns();
		mark(1);
	} else if (kernel_version >= KERNEL_VERSION(5, 3, 0)) {
		t = bpf_ktime_get_ns();
		mark(2);
	} else {
		t = bpf_get_prandom_u32();
		mark(3);
	}
	return t & 1;
}
