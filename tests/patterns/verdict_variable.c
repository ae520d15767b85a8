// SPDX-License-Identifier: MIT OR Apache-2.0
// The result of the program is a variable, and so is a test on it.
// case pass: verdict=0 => live 2; dead 1
// case drop: verdict=2 => live 1; dead 2

#include "pattern.h"

VAR(int, verdict);

PROGRAM
{
	if (verdict == 2)
		mark(1);
	else
		mark(2);
	return verdict;
}
