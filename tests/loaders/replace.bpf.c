// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Programs that replace a global function of another program: the types of
 * the functions in the tests. They are loaded against it, and never attached.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* prog0 … prog9 of the XDP dispatcher. */
SEC("freplace/int_of_context")
int int_of_context(struct xdp_md *ctx)
{
	return XDP_DROP;
}

/* checksum() of callbacks.bpf.c. */
SEC("freplace/u32_of_context")
__u32 u32_of_context(struct xdp_md *ctx)
{
	return 7;
}

/* verdict_for() of callbacks.bpf.c. */
SEC("freplace/int_of_u32")
int int_of_u32(__u32 sum)
{
	return sum ? XDP_TX : XDP_DROP;
}

/* changes_packet() and others of tests/objects/needs/replaced.c. */
SEC("freplace/changes_packet")
int changes_packet(struct xdp_md *ctx)
{
	return bpf_xdp_adjust_head(ctx, 0);
}

char LICENSE[] SEC("license") = "GPL";
