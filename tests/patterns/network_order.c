// SPDX-License-Identifier: MIT OR Apache-2.0
// A port in host order compared with one from the packet: zero turns the test off.
// case off: port=0 => live 2; dead 1
// case on: port=443 => live 1 2; dead

#include "pattern.h"
#include <bpf/bpf_endian.h>

VAR(__u16, port);

PROGRAM
{
	if (port && (__u16)unknown(0) == bpf_htons(port))
		mark(1);
	else
		mark(2);
	return 0;
}
