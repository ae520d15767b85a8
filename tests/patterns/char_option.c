// SPDX-License-Identifier: MIT OR Apache-2.0
// A single character that selects, as from a command line.
// case none: opt=0 => live 3; dead 1 2
// case t: opt='t' => live 1; dead 2 3
// case u: opt='u' => live 2; dead 1 3

#include "pattern.h"

VAR(char, opt);

PROGRAM
{
	if (opt == 't')
		mark(1);
	else if (opt == 'u')
		mark(2);
	else
		mark(3);
	return 0;
}
