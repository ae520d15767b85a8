// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A network agent whose features used to be #ifdefs and became members of one
 * config struct. As compiled it names every map and every program; with a
 * configuration folded in, only the maps and programs of that configuration
 * are left to create, verify and load. README.md has the table.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

enum transport {
	TRANSPORT_NONE,
	TRANSPORT_RINGBUF,
	TRANSPORT_PERF,
};

enum feature {
	FEATURE_DNS,
	FEATURE_TLS,
	FEATURE_ICMP,
	NUM_FEATURES,
};

struct config {
	enum transport transport;
	bool debug;
	struct {
		bool dns;
		bool tls;
		bool icmp;
	} feature;
	struct {
		bool enabled;
		__u32 burst;		/* events a second and feature */
	} rate_limit;
};

const volatile struct config cfg = {
	.transport = TRANSPORT_RINGBUF,
	.debug = true,
	.feature = { .dns = true, .tls = true, .icmp = true },
	.rate_limit = { .enabled = true, .burst = 100 },
};

struct event {
	__u64 time_ns;
	__u32 feature;
	__u32 length;
};

struct bucket {
	__u64 second;
	__u64 events;
};

#define ARRAY_MAP(name, kind, n, value_type)		\
	struct {					\
		__uint(type, kind);			\
		__uint(max_entries, n);			\
		__type(key, __u32);			\
		__type(value, value_type);		\
	} name SEC(".maps")

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1024 * 1024);
} events_ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} events_perf SEC(".maps");

ARRAY_MAP(debug_counters, BPF_MAP_TYPE_PERCPU_ARRAY, NUM_FEATURES, __u64);
ARRAY_MAP(debug_last, BPF_MAP_TYPE_ARRAY, NUM_FEATURES, struct event);
ARRAY_MAP(buckets, BPF_MAP_TYPE_ARRAY, NUM_FEATURES, struct bucket);
ARRAY_MAP(dns_ports, BPF_MAP_TYPE_ARRAY, 65536, __u8);
ARRAY_MAP(tls_versions, BPF_MAP_TYPE_HASH, 1024, __u64);
ARRAY_MAP(icmp_types, BPF_MAP_TYPE_PERCPU_ARRAY, 256, __u64);

int handle_dns(struct __sk_buff *skb);
int handle_tls(struct __sk_buff *skb);
int handle_icmp(struct __sk_buff *skb);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, NUM_FEATURES);
	__uint(key_size, sizeof(__u32));
	__array(values, int(struct __sk_buff *));
} handlers SEC(".maps") = {
	.values = {
		[FEATURE_DNS] = (void *)&handle_dns,
		[FEATURE_TLS] = (void *)&handle_tls,
		[FEATURE_ICMP] = (void *)&handle_icmp,
	},
};

static __noinline bool over_limit(__u32 feature)
{
	struct bucket *bucket;
	__u64 second;

	if (!cfg.rate_limit.enabled)
		return false;
	bucket = bpf_map_lookup_elem(&buckets, &feature);
	if (!bucket)
		return false;
	second = bpf_ktime_get_ns() >> 30;
	if (bucket->second != second) {
		bucket->second = second;
		bucket->events = 0;
	}
	return __sync_fetch_and_add(&bucket->events, 1) >= cfg.rate_limit.burst;
}

static __noinline void debug_event(const struct event *event)
{
	__u32 feature = event->feature;
	__u64 *counter = bpf_map_lookup_elem(&debug_counters, &feature);

	if (counter)
		*counter += 1;
	bpf_map_update_elem(&debug_last, &feature, event, BPF_ANY);
	bpf_printk("feature %u length %u", feature, event->length);
}

static __noinline int report(struct __sk_buff *skb, __u32 feature)
{
	struct event event = {
		.time_ns = bpf_ktime_get_ns(), .feature = feature, .length = skb->len,
	};

	if (over_limit(feature))
		return TC_ACT_OK;
	if (cfg.debug)
		debug_event(&event);
	switch (cfg.transport) {
	case TRANSPORT_RINGBUF:
		bpf_ringbuf_output(&events_ring, &event, sizeof(event), 0);
		break;
	case TRANSPORT_PERF:
		bpf_perf_event_output(skb, &events_perf, BPF_F_CURRENT_CPU, &event, sizeof(event));
		break;
	case TRANSPORT_NONE:
		break;
	}
	return TC_ACT_OK;
}

static __always_inline __u8 byte_at(struct __sk_buff *skb, __u32 offset)
{
	__u8 byte = 0;

	bpf_skb_load_bytes(skb, offset, &byte, sizeof(byte));
	return byte;
}

SEC("tc")
int agent(struct __sk_buff *skb)
{
	__u8 protocol;

	if (skb->protocol != bpf_htons(ETH_P_IP))
		return TC_ACT_OK;
	protocol = byte_at(skb, ETH_HLEN + 9);
	if (protocol == 17 && cfg.feature.dns)
		bpf_tail_call(skb, &handlers, FEATURE_DNS);
	else if (protocol == 6 && cfg.feature.tls)
		bpf_tail_call(skb, &handlers, FEATURE_TLS);
	else if (protocol == 1 && cfg.feature.icmp)
		bpf_tail_call(skb, &handlers, FEATURE_ICMP);
	return TC_ACT_OK;
}

SEC("tc")
int handle_dns(struct __sk_buff *skb)
{
	__u32 port = byte_at(skb, ETH_HLEN + 22) << 8 | byte_at(skb, ETH_HLEN + 23);
	__u8 *wanted = bpf_map_lookup_elem(&dns_ports, &port);

	return wanted && *wanted ? report(skb, FEATURE_DNS) : TC_ACT_OK;
}

SEC("tc")
int handle_tls(struct __sk_buff *skb)
{
	__u32 version = byte_at(skb, ETH_HLEN + 41) << 8 | byte_at(skb, ETH_HLEN + 42);
	__u64 one = 1, *count = bpf_map_lookup_elem(&tls_versions, &version);

	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&tls_versions, &version, &one, BPF_ANY);
	return report(skb, FEATURE_TLS);
}

SEC("tc")
int handle_icmp(struct __sk_buff *skb)
{
	__u32 type = byte_at(skb, ETH_HLEN + 20);
	__u64 *count = bpf_map_lookup_elem(&icmp_types, &type);

	if (count)
		*count += 1;
	return report(skb, FEATURE_ICMP);
}

char LICENSE[] SEC("license") = "GPL";
