// SPDX-License-Identifier: MIT OR Apache-2.0
// An empty string turns a filter off.
// case empty: => live 2; dead 1
// case some: name="eth0" => live 1; dead 2

#include "pattern.h"

VAR_ARRAY(char, name, 16);

PROGRAM
{
	if (name[0])
		mark(1);
	else
		mark(2);
	return 0;
}
