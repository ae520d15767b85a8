// SPDX-License-Identifier: MIT OR Apache-2.0
// Global functions whose code says what replacements of them may do (`bpf_check_attach_target` in
// kernel/bpf/verifier.c): `never` is there to be 0.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile _Bool never;
const volatile __u32 verdict = 2;

__noinline int changes_packet(struct xdp_md *ctx)
{
	if (!ctx)
		return 0;
	if (never)
		bpf_xdp_adjust_head(ctx, 0);
	return verdict;
}

static __noinline int adjusts(struct xdp_md *ctx)
{
	if (never)
		return bpf_xdp_adjust_tail(ctx, 0);
	return verdict;
}

__noinline int changes_by_another(struct xdp_md *ctx)
{
	if (!ctx)
		return 0;
	return adjusts(ctx);
}

__noinline int changes_nothing(struct xdp_md *ctx)
{
	if (!ctx)
		return 0;
	if (never)
		bpf_ktime_get_ns();
	return verdict;
}

// Not a function that can be replaced.
static __noinline int static_one(struct xdp_md *ctx)
{
	if (never)
		bpf_xdp_adjust_meta(ctx, 0);
	return verdict;
}

SEC("xdp")
int dispatch(struct xdp_md *ctx)
{
	int ret = changes_packet(ctx);

	ret |= changes_by_another(ctx);
	ret |= changes_nothing(ctx);
	return ret | static_one(ctx);
}

__noinline int sleeps(__u64 address)
{
	__u64 value = 0;

	if (never)
		bpf_copy_from_user(&value, sizeof(value), (void *)address);
	return value + verdict;
}

SEC("syscall")
int waits(void *ctx)
{
	return sleeps(1);
}

char LICENSE[] SEC("license") = "GPL";

// What libxdp reads in the types.
struct {
	int (*priority)[10];
	int (*XDP_PASS)[1];
} _dispatch SEC(".xdp_run_config");
