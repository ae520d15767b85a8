// SPDX-License-Identifier: MIT OR Apache-2.0
// A feature flag, as most programs have it.
// case off: flag=false => live 2 3; dead 1
// case on: flag=true => live 1 3; dead 2
// case open: flag=? => live 1 2 3; dead

#include "pattern.h"

VAR(bool, flag);

PROGRAM
{
	if (flag)
		mark(1);
	else
		mark(2);
	mark(3);
	return 0;
}
