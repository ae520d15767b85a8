// SPDX-License-Identifier: MIT OR Apache-2.0
// A loop that a flag leaves at once.
// case stay: once=0 => live 1 2; dead 3
// case leave: once=1 => live 1 3; dead 2

#include "pattern.h"

VAR(bool, once);

PROGRAM
{
	__u32 sum = 0;

	for (__u32 i = 0; i < 8; i++) {
		sum += bpf_get_prandom_u32();
		mark(1);
		if (once)
			break;
		if (sum == 7)
			mark(2);
	}
	if (once)
		mark(3);
	return sum & 1;
}
