// SPDX-License-Identifier: MIT OR Apache-2.0
// Milliseconds or microseconds, and whether to round up.
// case us: => live 2 4; dead 1 3
// case ms: ms=1 => live 1 4; dead 2 3
// case ms_up: ms=1 rounded=1 => live 1 3; dead 2 4

#include "pattern.h"

VAR(bool, ms);
VAR(bool, rounded);

PROGRAM
{
	__u64 t = bpf_ktime_get_ns();

	if (ms) {
		t /= 1000000;
		mark(1);
	} else {
		t /= 1000;
		mark(2);
	}
	if (rounded) {
		t += 1;
		mark(3);
	} else {
		mark(4);
	}
	return t & 1;
}
