// SPDX-License-Identifier: MIT OR Apache-2.0
// Types that kernels refuse, and a program that loads for that alone: clang 14 puts `table` into
// .rodata.cst16, and in the types to the start of .rodata, where `limit` is. With VALID kernels accept
// the types, and tests make them wrong.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 limit = 4;
const volatile __u32 other[6] = { 4 };
#ifdef VALID
#include <stdbool.h>

const volatile bool on = false;
const volatile __u32 table[4] = { 3, 1, 2, 9 };

enum part_kind { PART_ONE, PART_TWO };
struct part {
	__u32 first;
	__u32 second;
	enum part_kind kind;
};
typedef struct part part_t;
struct unknown;

// Nobody calls it, so that its types go.
static __noinline int dead(part_t *part, struct unknown *unknown)
{
	return part->first + part->second + part->kind + (unknown != 0);
}
#else
static const __u32 table[4] = { 3, 1, 2, 9 };
#endif

// With types it is verified on its own, and a number is expected.
__noinline int reads(struct __sk_buff *skb, __u64 address)
{
	return *(__u32 *)address > limit ? 1 : 2;
}

SEC("tc")
int refused(struct __sk_buff *skb)
{
	__u32 value = skb->len;

#ifdef VALID
	if (on) {
		part_t part = { skb->len, skb->mark, PART_TWO };

		return dead(&part, (struct unknown *)1);
	}
#endif
	return reads(skb, (__u64)&value) + table[skb->len & 3] + other[1];
}

char LICENSE[] SEC("license") = "GPL";
