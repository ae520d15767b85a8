// SPDX-License-Identifier: MIT OR Apache-2.0
// Debug output with a format of its own.
// case off: => live 2; dead 1
// case on: debug=1 => live 1 2; dead

#include "pattern.h"

VAR(bool, debug);

PROGRAM
{
	if (debug) {
		bpf_printk("length %u", unknown(0));
		mark(1);
	}
	mark(2);
	return 0;
}
