// SPDX-License-Identifier: MIT OR Apache-2.0
// Types that kernels refuse, and a program that loads for that alone: clang 14 puts `table` into
// .rodata.cst16, and in the types to the start of .rodata, where `limit` is.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 limit = 4;
const volatile __u32 other[6] = { 4 };
static const __u32 table[4] = { 3, 1, 2, 9 };

// With types it is verified on its own, and a number is expected.
__noinline int reads(struct __sk_buff *skb, __u64 address)
{
	return *(__u32 *)address > limit ? 1 : 2;
}

SEC("tc")
int refused(struct __sk_buff *skb)
{
	__u32 value = skb->len;

	return reads(skb, (__u64)&value) + table[skb->len & 3] + other[1];
}

char LICENSE[] SEC("license") = "GPL";
