// SPDX-License-Identifier: MIT OR Apache-2.0
// A lower bound that zero turns off, on a difference of times.
// needs: clang
// case zero: => live 2; dead 1
// case some: min_ns=1000000 => live 1 2; dead

#include "pattern.h"

VAR(__u64, min_ns);

PROGRAM
{
	__u64 start = bpf_ktime_get_ns(), delta;

	delta = bpf_ktime_get_ns() - start;
	if (min_ns && delta < min_ns) {
		mark(1);
		return 0;
	}
	mark(2);
	return delta & 1;
}
