// SPDX-License-Identifier: MIT OR Apache-2.0
// Elements of an array at constant indices.
// case zero: => live 2 4; dead 1 3
// case first: ports[0]=80 => live 1 4; dead 2 3
// case last: ports[3]=443 => live 2 3; dead 1 4
// case other: ports[1]=80 ports[2]=443 => live 2 4; dead 1 3

#include "pattern.h"

VAR_ARRAY(__u16, ports, 4);

PROGRAM
{
	if (ports[0] == 80)
		mark(1);
	else
		mark(2);
	if (ports[3] == 443)
		mark(3);
	else
		mark(4);
	return 0;
}
