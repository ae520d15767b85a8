/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef BPFOLD_H
#define BPFOLD_H

/*
 * What the source of a BPF program says to bpfold. These are BTF declaration
 * tags: clang 14 or later, or gcc 16 or later, with -g.
 */

/*
 * Behind a map's declaration: userspace uses the map, so bpfold keeps it even
 * if no program does.
 *
 *	struct { ... } stats SEC(".maps") bpfold_keep;
 */
#define bpfold_keep __attribute__((btf_decl_tag("bpfold:keep")))

/*
 * Behind a variable's name: its value is known when the object is built, so
 * `bpfold fold --freeze-marked` takes it as it is stored. `bpfold vars` shows
 * the mark and its description, which can be left out.
 *
 *	const volatile __u32 max_args bpfold_const("arguments to copy") = 4;
 *	const volatile bool verbose bpfold_const() = false;
 */
#define bpfold_const(...) __attribute__((btf_decl_tag("bpfold:const:" __VA_ARGS__)))

#endif
