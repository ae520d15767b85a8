// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What every pattern uses. A pattern is one small program with read-only
 * variables; README.md has the format of its header comment.
 *
 * VAR(type, name) and VAR_ARRAY(type, name, length) define a read-only
 * variable. KIND_name and VAL_name come from build.sh: `const volatile` or,
 * to see what the compiler makes of a plain constant, `static const`; and its
 * initialiser.
 *
 * mark(n) is a branch's name in the object: one store of MARK_BASE + n, an
 * immediate that occurs nowhere else, to marks[n]. The empty asm after it
 * names n too, so that the compiler neither merges nor sinks two marks.
 *
 * unknown(n) is a 32-bit number that nobody knows before the program runs: a
 * word of the context which BPF_PROG_TEST_RUN takes from `ctx_in`.
 */
#ifndef PATTERN_H
#define PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/*
 * gcc 12 puts `const volatile` variables into .data, and binutils 2.40 writes the symbol's
 * value into the instruction too, which libbpf adds once more: a section for each variable,
 * so that all are at offset 0.
 */
#ifdef __clang__
#define PLACE(name)
#else
#define PLACE(name) __attribute__((section(".rodata." #name)))
#endif

#define VAR(type, name) KIND_##name type name PLACE(name) = VAL_##name
#define VAR_ARRAY(type, name, length) KIND_##name type name[length] PLACE(name) = VAL_##name

#define MARK_BASE 0x4d4b0000
#define NUM_MARKS 16

volatile __u32 marks[NUM_MARKS] = {};

#define mark(n) do {					\
	marks[n] = MARK_BASE + (n);			\
	asm volatile("" : : "i"(n) : "memory");		\
} while (0)

#define unknown(n) (skb->cb[n])

#define PROGRAM SEC("tc") int pattern(struct __sk_buff *skb)

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#endif
