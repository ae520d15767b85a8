// SPDX-License-Identifier: MIT OR Apache-2.0
// A port in host order that is swapped before it is compared.
// case zero: port=0 => live 2; dead 1
// case http: port=80 => live 1; dead 2
// case swapped: port=0x5000 => live 2; dead 1

#include "pattern.h"
#include <bpf/bpf_endian.h>

VAR(__u16, port);

PROGRAM
{
	__u16 p = port;

	asm volatile("" : "+r"(p));
	if (__builtin_bswap16(p) == 0x5000)
		mark(1);
	else
		mark(2);
	return 0;
}
