// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Callbacks and tail calls under constants. The packet's bytes are summed by
 * bpf_loop(), flows are aged by bpf_for_each_map_elem(), and the stages that
 * follow are tail calls through a prog array which the loader fills from the
 * initialiser below. `verdict_for` and `checksum` are global functions: the
 * kernel verifies them on their own.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

enum stage {
	STAGE_COUNT,
	STAGE_MIRROR,
	STAGE_LIMIT,
	NUM_STAGES,
};

const volatile __u32 sum_bytes = 64;		/* 0: no sum */
const volatile __u64 max_age_ns = 0;		/* 0: flows never age */
const volatile bool mirror = false;
const volatile bool limit = true;
const volatile __u32 limit_packets = 1000;
const volatile int default_verdict = XDP_PASS;

struct flow {
	__u64 last_ns;
	__u64 packets;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct flow);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u32);
} mirrors SEC(".maps");

int stage_count(struct xdp_md *ctx);
int stage_mirror(struct xdp_md *ctx);
int stage_limit(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, NUM_STAGES);
	__uint(key_size, sizeof(__u32));
	__array(values, int(struct xdp_md *));
} stages SEC(".maps") = {
	.values = {
		[STAGE_COUNT] = (void *)&stage_count,
		[STAGE_MIRROR] = (void *)&stage_mirror,
		[STAGE_LIMIT] = (void *)&stage_limit,
	},
};

struct bpf_map;

struct sum {
	struct xdp_md *ctx;
	__u32 total;
};

static long add_byte(__u32 i, struct sum *sum)
{
	void *data = (void *)(long)sum->ctx->data;
	void *end = (void *)(long)sum->ctx->data_end;

	if (i >= sum_bytes || i >= 1500 || data + i + 1 > end)
		return 1;
	sum->total += *(__u8 *)(data + i);
	return 0;
}

static long age(struct bpf_map *map, const __u32 *key, struct flow *flow, __u64 *now)
{
	if (max_age_ns && *now - flow->last_ns > max_age_ns)
		bpf_map_delete_elem(map, key);
	return 0;
}

/* Replaceable at run time: its result is never assumed. */
__noinline int verdict_for(__u32 sum)
{
	if (default_verdict == XDP_DROP && sum == 0)
		return XDP_PASS;
	return default_verdict;
}

__noinline __u32 checksum(struct xdp_md *ctx)
{
	struct sum sum = { .ctx = ctx };

	bpf_loop(1500, add_byte, &sum, 0);
	return sum.total;
}

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 sum = 0;

	if (sum_bytes)
		sum = checksum(ctx);
	if (max_age_ns)
		bpf_for_each_map_elem(&flows, age, &now, 0);
	if (limit)
		bpf_tail_call(ctx, &stages, STAGE_COUNT);
	else if (mirror)
		bpf_tail_call(ctx, &stages, STAGE_MIRROR);
	return verdict_for(sum);
}

SEC("xdp")
int stage_count(struct xdp_md *ctx)
{
	__u32 key = ctx->ingress_ifindex;
	struct flow first = { .last_ns = bpf_ktime_get_ns(), .packets = 1 }, *flow;

	flow = bpf_map_lookup_elem(&flows, &key);
	if (flow) {
		flow->last_ns = first.last_ns;
		__sync_fetch_and_add(&flow->packets, 1);
	} else {
		bpf_map_update_elem(&flows, &key, &first, BPF_ANY);
	}
	bpf_tail_call(ctx, &stages, limit ? STAGE_LIMIT : STAGE_MIRROR);
	return default_verdict;
}

SEC("xdp")
int stage_mirror(struct xdp_md *ctx)
{
	return bpf_redirect_map(&mirrors, 0, XDP_PASS);
}

SEC("xdp")
int stage_limit(struct xdp_md *ctx)
{
	__u32 key = ctx->ingress_ifindex;
	struct flow *flow = bpf_map_lookup_elem(&flows, &key);

	if (flow && flow->packets > limit_packets)
		return XDP_DROP;
	if (mirror)
		bpf_tail_call(ctx, &stages, STAGE_MIRROR);
	return default_verdict;
}

char LICENSE[] SEC("license") = "GPL";
