// SPDX-License-Identifier: MIT OR Apache-2.0
// A string variable compared with a literal, byte by byte.
// case empty: => live 2; dead 1
// case same: name="eth0" => live 1; dead 2
// case prefix: name="eth" => live 2; dead 1
// case longer: name="eth01" => live 2; dead 1

#include "pattern.h"

VAR_ARRAY(char, name, 16);

PROGRAM
{
	const char want[] = "eth0";
	bool same = true;

#pragma GCC unroll 8
	for (int i = 0; i < (int)sizeof(want); i++)
		if (name[i] != want[i])
			same = false;
	if (same)
		mark(1);
	else
		mark(2);
	return 0;
}
