// SPDX-License-Identifier: MIT OR Apache-2.0
// A divisor of zero: the program tests for it before it divides.
// case zero: d=0 => live 2; dead 1
// case some: d=10 => live 1; dead 2

#include "pattern.h"

VAR(__u64, d);

PROGRAM
{
	__u64 n = bpf_ktime_get_ns();

	if (d) {
		n /= d;
		mark(1);
	} else {
		mark(2);
	}
	return n & 1;
}
