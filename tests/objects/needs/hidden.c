// SPDX-License-Identifier: MIT OR Apache-2.0
// Functions that some loaders let kernels verify on their own, and others with their callers. Each
// has a check that its callers make superfluous, and that a function on its own needs.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 limit = 4;
// Not in .bss, which older cilium/ebpf cannot read when built with newer Go.
__u32 table[8] = { 1 };
__u32 counter = 1;

#define HIDDEN __attribute__((visibility("hidden")))
#define INTERNAL __attribute__((visibility("internal")))

// Only this one is static for everybody.
static __noinline int of_static(__u32 at)
{
	if (at > 7)
		return -1;
	return limit > 2 ? table[at] : 0;
}

__noinline HIDDEN int of_hidden(__u32 at)
{
	if (at > 7)
		return -1;
	return limit > 2 ? table[at] : 0;
}

__noinline INTERNAL int of_internal(__u32 at)
{
	if (at > 7)
		return -1;
	return limit > 2 ? table[at] : 1;
}

// Older cilium/ebpf takes no calls of weak functions.
#ifdef PLAIN
#define __weak_one
#else
#define __weak_one __weak
#endif

__noinline HIDDEN __weak_one int of_weak_hidden(__u32 at)
{
	if (at > 7)
		return -1;
	return limit > 2 ? table[at] : 2;
}

__noinline __weak_one int of_weak(__u32 at)
{
	if (at > 7)
		return -1;
	return limit > 2 ? table[at] : 3;
}

// build.sh makes its symbol local, as linkers with version scripts do; its type stays global.
__noinline int of_local_symbol(__u32 at)
{
	if (at > 7)
		return -1;
	return limit > 2 ? table[at] : 4;
}

// What a hidden function gives back is not known to its callers.
__noinline HIDDEN int gives_three(__u32 ignored)
{
	return limit > 2 ? 3 : ignored;
}

// Verified with its caller, it may write beside what it gets.
__noinline HIDDEN int writes_beside(__u32 *pair)
{
	if (!pair)
		return 0;
	*pair = limit;
	return limit > 2 ? 0 : *pair;
}

SEC("cgroup_skb/egress")
int hidden(struct __sk_buff *skb)
{
	__u32 pair[2] = { 0, 0 };
	int sum = of_static(3) + of_hidden(3) + of_internal(4) + of_weak_hidden(5) + of_weak(2) +
		  of_local_symbol(1);

	writes_beside(&pair[1]);
	if (gives_three(skb->len) == 3)
		counter += sum;
	return pair[1] == 4 && (sum >= 0) ? 1 : 0;
}

char LICENSE[] SEC("license") = "GPL";
