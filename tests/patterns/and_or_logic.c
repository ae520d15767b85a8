// SPDX-License-Identifier: MIT OR Apache-2.0
// x && y || z, each with its own load.
// case none: => live 2; dead 1
// case x: x=1 => live 2; dead 1
// case xy: x=1 y=1 => live 1; dead 2
// case z: z=1 => live 1; dead 2
// case y_open: x=1 y=? => live 1 2; dead
// case open_decided: x=0 y=? z=0 => live 2; dead 1

#include "pattern.h"

VAR(bool, x);
VAR(bool, y);
VAR(bool, z);

PROGRAM
{
	if ((x && y) || z)
		mark(1);
	else
		mark(2);
	return 0;
}
