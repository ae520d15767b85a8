// SPDX-License-Identifier: MIT OR Apache-2.0
// A function that kernels enter when a program throws, found by the name in a declaration tag of
// the program (`fetch_exception_cb_desc` in kernel/bpf/verifier.c).
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern void bpf_throw(__u64 cookie) __ksym;
#define exception_cb(name) __attribute__((btf_decl_tag("exception_callback:" #name)))

const volatile _Bool direct;
const volatile __u32 result = 5;
__u64 thrown;

// The one call of it, by a program that does not throw, is dead; the kernel enters it.
__noinline int caught(__u64 cookie)
{
	if (cookie == 7)
		return result;
	thrown++;
	return 1;
}

// The same, called with what decides its branch.
__noinline int also_caught(__u64 cookie)
{
	if (cookie == 7)
		return result;
	thrown++;
	return 2;
}

// Entered by a program that goes.
__noinline int of_other(__u64 cookie)
{
	thrown += cookie;
	return 3;
}

SEC("tc") exception_cb(caught)
int throws(struct __sk_buff *skb)
{
	if (skb->len > result)
		bpf_throw(skb->len);
	return 0;
}

SEC("tc") exception_cb(also_caught)
int also_throws(struct __sk_buff *skb)
{
	if (skb->len > 100)
		bpf_throw(skb->len);
	return 0;
}

SEC("tc")
int calls(struct __sk_buff *skb)
{
	if (direct)
		return caught(7);
	return also_caught(7);
}

SEC("tc") exception_cb(of_other)
int other(struct __sk_buff *skb)
{
	bpf_throw(skb->len);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
