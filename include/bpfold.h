/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef BPFOLD_H
#define BPFOLD_H

/*
 * Behind a map's declaration: userspace uses the map, so bpfold keeps it even
 * if no program does.
 *
 *	struct { ... } stats SEC(".maps") bpfold_keep;
 *
 * It is a BTF declaration tag: clang 14 or later, or gcc 16 or later, with -g.
 */
#define bpfold_keep __attribute__((btf_decl_tag("bpfold:keep")))

#endif
