// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A packet filter whose features are chosen by one config struct that
 * userspace fills before the load: which protocols it looks at, whether the
 * listed ports are denied or are the only ones allowed, per-source counters,
 * statistics, debug output. Each feature has its own map.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define IFNAME_LEN 16
#define NUM_PORTS 4

enum filter_mode {
	MODE_PASS_ALL,
	MODE_DENY_LISTED,
	MODE_ALLOW_LISTED,
};

struct config {
	enum filter_mode mode;
	struct {
		__u32 ipv4 : 1;
		__u32 ipv6 : 1;
		__u32 tcp : 1;
		__u32 udp : 1;
		__u32 match_source : 1;	/* else the destination port is matched */
		__u32 min_ttl : 8;	/* 0: do not look at it */
	} flags;
	__u16 ports[NUM_PORTS];		/* host order, 0: not used */
	struct {
		bool per_source;
		bool per_verdict;
		__u32 sample_rate;	/* count every Nth packet; 0 and 1: all */
	} stats;
	bool debug;
	char ifname[IFNAME_LEN];
};

const volatile struct config cfg = {
	.mode = MODE_DENY_LISTED,
	.flags = { .ipv4 = 1, .ipv6 = 1, .tcp = 1, .udp = 1 },
	.ports = { 22, 23 },
	.stats = { .per_source = true, .per_verdict = true },
	.debug = true,
	.ifname = "eth0",
};

/* Packets by IPv4 source, when cfg.stats.per_source. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __be32);
	__type(value, __u64);
} per_source SEC(".maps");

/* Packets by verdict, when cfg.stats.per_verdict. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, XDP_REDIRECT + 1);
	__type(key, __u32);
	__type(value, __u64);
} per_verdict SEC(".maps");

static __always_inline void count_source(__be32 source)
{
	__u64 one = 1, *count;

	if (!cfg.stats.per_source)
		return;
	if (cfg.stats.sample_rate > 1 && bpf_get_prandom_u32() % cfg.stats.sample_rate)
		return;
	count = bpf_map_lookup_elem(&per_source, &source);
	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&per_source, &source, &one, BPF_ANY);
}

static __always_inline bool listed(__u16 port)
{
	for (int i = 0; i < NUM_PORTS; i++)
		if (cfg.ports[i] && cfg.ports[i] == port)
			return true;
	return false;
}

/* TCP and UDP headers begin with the same two ports. */
static __always_inline int match_ports(void *l4, void *end, __u8 proto)
{
	struct udphdr *ports = l4;
	bool found;

	if (!((proto == IPPROTO_TCP && cfg.flags.tcp) || (proto == IPPROTO_UDP && cfg.flags.udp)))
		return XDP_PASS;
	if ((void *)(ports + 1) > end)
		return XDP_PASS;
	found = listed(bpf_ntohs(cfg.flags.match_source ? ports->source : ports->dest));
	if (cfg.debug)
		bpf_printk("%s: proto %d listed %d", (const char *)cfg.ifname, proto, found);
	switch (cfg.mode) {
	case MODE_DENY_LISTED:
		return found ? XDP_DROP : XDP_PASS;
	case MODE_ALLOW_LISTED:
		return found ? XDP_PASS : XDP_DROP;
	default:
		return XDP_PASS;
	}
}

static __always_inline int filter(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;

	if (cfg.mode == MODE_PASS_ALL || (void *)(eth + 1) > end)
		return XDP_PASS;
	if (eth->h_proto == bpf_htons(ETH_P_IP) && cfg.flags.ipv4) {
		struct iphdr *ip = (void *)(eth + 1);

		if ((void *)(ip + 1) > end || ip->ihl != 5)
			return XDP_PASS;
		if (cfg.flags.min_ttl && ip->ttl < cfg.flags.min_ttl)
			return XDP_DROP;
		count_source(ip->saddr);
		return match_ports(ip + 1, end, ip->protocol);
	}
	if (eth->h_proto == bpf_htons(ETH_P_IPV6) && cfg.flags.ipv6) {
		struct ipv6hdr *ip = (void *)(eth + 1);

		if ((void *)(ip + 1) > end)
			return XDP_PASS;
		if (cfg.flags.min_ttl && ip->hop_limit < cfg.flags.min_ttl)
			return XDP_DROP;
		return match_ports(ip + 1, end, ip->nexthdr);
	}
	return XDP_PASS;
}

SEC("xdp")
int xdp_filter(struct xdp_md *ctx)
{
	__u32 verdict = filter(ctx);
	__u64 *count;

	if (cfg.stats.per_verdict) {
		count = bpf_map_lookup_elem(&per_verdict, &verdict);
		if (count)
			*count += 1;
	}
	return verdict;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
