// SPDX-License-Identifier: MIT OR Apache-2.0
// Guards that leave the program.
// case off: enabled=0 => live 1; dead 2 3
// case quiet: enabled=1 => live 3; dead 1 2
// case loud: enabled=1 loud=1 => live 2 3; dead 1

#include "pattern.h"

VAR(bool, enabled);
VAR(bool, loud);

PROGRAM
{
	if (!enabled) {
		mark(1);
		return 0;
	}
	if (loud)
		mark(2);
	mark(3);
	return 1;
}
