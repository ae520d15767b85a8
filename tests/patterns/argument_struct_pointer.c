// SPDX-License-Identifier: MIT OR Apache-2.0
// A pointer to a member of a config struct as the argument.
// case none: => live 2; dead 1
// case one: cfg.first.on=1 => live 2; dead 1
// case two: cfg.second.on=1 => live 1; dead 2

#include "pattern.h"

struct feature { __u32 level; bool on; };
struct config { struct feature first, second; };

VAR(struct config, cfg);

static __noinline int work(const volatile struct feature *f)
{
	if (f->on)
		mark(1);
	else
		mark(2);
	return bpf_get_prandom_u32();
}

PROGRAM
{
	return work(&cfg.second) & 1;
}
