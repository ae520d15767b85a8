// A collector of flows: a large function that calls parsers which are not inlined and that the
// configuration turns on, with early exits after failed updates of maps.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

const volatile __u8 enable_dns = 0, enable_tls = 0, enable_rtt = 1, enable_v6 = 1;
const volatile __u8 trace_messages = 0, has_filter = 0;
const volatile __u32 sampling = 0;
const volatile __u16 dns_port = 53;

struct flow_id {
	__u8 src[16], dst[16];
	__u16 sport, dport;
	__u8 proto, direction, pad[2];
	__u32 ifindex;
};

struct metrics {
	__u64 first, last, bytes, rtt, dns_latency;
	__u32 packets;
	__u16 ethertype, flags, dns_id;
	__u8 dscp, error, tls_version, interfaces;
	__u32 seen_at[4];
};

struct packet {
	struct flow_id *id;
	__u64 time, rtt, dns_latency;
	__u16 ethertype, flags, dns_id;
	__u8 dscp, tls_version;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct flow_id);
	__type(value, struct metrics);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct flow_id);
	__type(value, __u64);
} started SEC(".maps"), asked SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 16);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(key_size, 20);
	__uint(value_size, 4);
} filters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} direct SEC(".maps");

static __always_inline int parse(struct __sk_buff *skb, struct packet *p)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ethhdr *eth = data;
	void *l4;

	if ((void *)(eth + 1) > end)
		return -1;
	p->ethertype = bpf_ntohs(eth->h_proto);
	if (p->ethertype == ETH_P_IP) {
		struct iphdr *ip = (void *)(eth + 1);

		if ((void *)(ip + 1) > end)
			return -1;
		p->id->src[10] = p->id->src[11] = 0xff;
		p->id->dst[10] = p->id->dst[11] = 0xff;
		__builtin_memcpy(p->id->src + 12, &ip->saddr, 4);
		__builtin_memcpy(p->id->dst + 12, &ip->daddr, 4);
		p->dscp = ip->tos >> 2;
		p->id->proto = ip->protocol;
		l4 = (void *)ip + ip->ihl * 4;
	} else if (p->ethertype == ETH_P_IPV6 && enable_v6) {
		struct ipv6hdr *ip = (void *)(eth + 1);

		if ((void *)(ip + 1) > end)
			return -1;
		__builtin_memcpy(p->id->src, &ip->saddr, 16);
		__builtin_memcpy(p->id->dst, &ip->daddr, 16);
		p->id->proto = ip->nexthdr;
		l4 = ip + 1;
	} else {
		return -1;
	}
	if (p->id->proto == 6) {
		struct tcphdr *tcp = l4;

		if ((void *)(tcp + 1) > end)
			return 0;
		p->id->sport = bpf_ntohs(tcp->source);
		p->id->dport = bpf_ntohs(tcp->dest);
		if (tcp->ack && tcp->syn)
			p->flags |= 0x100;
		else if (tcp->ack && tcp->fin)
			p->flags |= 0x200;
		else if (tcp->fin)
			p->flags |= 1;
		else if (tcp->syn)
			p->flags |= 2;
		else if (tcp->rst)
			p->flags |= 4;
	}
	return 0;
}

static __noinline int track_dns(struct __sk_buff *skb, struct packet *p)
{
	struct flow_id key = {};
	__u64 now = bpf_ktime_get_ns(), *then;
	__u8 header[12] = {};

	if (!enable_dns)
		return 0;
	if (p->id->sport != dns_port && p->id->dport != dns_port)
		return 0;
	if (bpf_skb_load_bytes(skb, p->ethertype == ETH_P_IP ? 42 : 62, header, 12) < 0)
		return -22;
	p->dns_id = header[0] << 8 | header[1];
	key.proto = p->id->proto;
	if (!(header[2] & 0x80)) {
		key.sport = p->id->sport;
		key.dport = p->id->dport;
		if (!bpf_map_lookup_elem(&asked, &key))
			bpf_map_update_elem(&asked, &key, &now, BPF_ANY);
		return 0;
	}
	key.sport = p->id->dport;
	key.dport = p->id->sport;
	then = bpf_map_lookup_elem(&asked, &key);
	if (then) {
		p->dns_latency = now - *then;
		bpf_map_delete_elem(&asked, &key);
	}
	return 0;
}

static __noinline int track_tls(struct __sk_buff *skb, struct packet *p)
{
	__u8 header[9];

	if (!enable_tls || p->id->proto != 6)
		return 0;
	if (bpf_skb_load_bytes(skb, 54, header, 5) < 0) {
		if (trace_messages)
			bpf_printk("no record");
		return -1;
	}
	if (header[0] == 22 && header[1] == 3) {
		if (bpf_skb_load_bytes(skb, 59, header, 9) < 0)
			return -1;
		p->tls_version = header[4];
	} else if (header[0] >= 20 && header[0] <= 24) {
		p->tls_version = header[2];
	}
	return 0;
}

static __noinline int track_rtt(struct packet *p)
{
	struct flow_id key;
	__u64 now = p->time, *then;
	int failed;

	if (!enable_rtt)
		return 0;
	__builtin_memcpy(&key, p->id, sizeof(key));
	key.direction = 0;
	if (p->flags == 2) {
		failed = bpf_map_update_elem(&started, &key, &now, BPF_NOEXIST);
		if (failed == -17)
			return -17;
		if (failed)
			return failed;
	} else if (p->flags == 0x100) {
		then = bpf_map_lookup_elem(&started, &key);
		if (then) {
			p->rtt = now - *then;
			bpf_map_delete_elem(&started, &key);
		}
	}
	return 0;
}

static __noinline int is_wanted(struct flow_id *id, __u8 *address)
{
	struct {
		__u32 bits;
		__u8 address[16];
	} key = { .bits = 128 };
	__u32 *found;

	__builtin_memcpy(key.address, address, 16);
	found = bpf_map_lookup_elem(&filters, &key);
	return found && (*found == 0 || *found == id->proto);
}

static __always_inline void update(struct metrics *m, struct packet *p, __u32 len)
{
	m->last = p->time;
	m->bytes += len;
	m->packets++;
	m->flags |= p->flags;
	if (enable_tls && p->tls_version)
		m->tls_version = p->tls_version;
	if (enable_rtt && p->rtt > m->rtt)
		m->rtt = p->rtt;
	if (enable_dns && p->dns_id) {
		m->dns_id = p->dns_id;
		m->dns_latency = p->dns_latency;
	}
	for (int i = 0; i < 4; i++) {
		if (i >= m->interfaces) {
			m->seen_at[i] = p->id->ifindex;
			m->interfaces++;
			break;
		}
		if (m->seen_at[i] == p->id->ifindex)
			break;
	}
}

static __always_inline int collect(struct __sk_buff *skb, __u8 direction)
{
	struct flow_id id = {};
	struct packet p = { .id = &id };
	struct metrics new = {}, *m;
	long failed;
	int dns;

	if (!has_filter && sampling > 1 && bpf_get_prandom_u32() % sampling != 0)
		return 0;
	p.time = bpf_ktime_get_ns();
	if (parse(skb, &p) < 0)
		return 0;
	id.ifindex = skb->ifindex;
	id.direction = direction;
	if (has_filter && !is_wanted(&id, id.src) && !is_wanted(&id, id.dst))
		return 0;
	dns = track_dns(skb, &p);
	track_tls(skb, &p);
	m = bpf_map_lookup_elem(&flows, &id);
	if (m) {
		update(m, &p, skb->len);
		if (enable_dns)
			m->error = -dns;
		return 0;
	}
	new.error = -track_rtt(&p);
	new.first = p.time;
	new.ethertype = p.ethertype;
	update(&new, &p, skb->len);
	failed = bpf_map_update_elem(&flows, &id, &new, BPF_NOEXIST);
	if (!failed)
		return 0;
	if (trace_messages && failed != -17)
		bpf_printk("flow not added: %ld", failed);
	if (failed == -17) {
		m = bpf_map_lookup_elem(&flows, &id);
		if (m)
			update(m, &p, skb->len);
		return 0;
	}
	bpf_ringbuf_output(&direct, &new, sizeof(new), 0);
	return 0;
}

SEC("tc") int ingress(struct __sk_buff *skb)
{
	return collect(skb, 0);
}

SEC("tc") int egress(struct __sk_buff *skb)
{
	return collect(skb, 1);
}

char LICENSE[] SEC("license") = "GPL";
