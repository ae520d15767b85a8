// SPDX-License-Identifier: MIT OR Apache-2.0
// A command's name against a string variable in a loop that ends at the terminator.
// case off: => live 1; dead 2 3
// case on: comm="sh" => live 2 3; dead 1

#include "pattern.h"

VAR_ARRAY(char, comm, 8);

PROGRAM
{
	char task[8] = {};

	if (!comm[0]) {
		mark(1);
		return 0;
	}
	bpf_skb_load_bytes(skb, 0, task, sizeof(task));
#pragma GCC unroll 8
	for (int i = 0; i < 8; i++) {
		if (task[i] != comm[i]) {
			mark(2);
			return 1;
		}
		if (!comm[i])
			break;
	}
	mark(3);
	return 0;
}
