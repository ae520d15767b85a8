// SPDX-License-Identifier: MIT OR Apache-2.0
// A loop that runs as often as a variable says.
// case zero: n=0 => live 2; dead 1
// case some: n=5 => live 1 2; dead

#include "pattern.h"

VAR(__u32, n);

PROGRAM
{
	__u32 sum = 0;

	for (__u32 i = 0; i < n && i < 16; i++) {
		sum += bpf_get_prandom_u32();
		mark(1);
	}
	mark(2);
	return sum & 1;
}
