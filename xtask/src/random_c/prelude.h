typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long long s64;
typedef _Bool bool;

#define NULL ((void *)0)
#define SEC(name) __attribute__((section(name), used))
#define noinline __attribute__((noinline))
#define inlined static inline __attribute__((always_inline))
#define barrier_var(var) asm volatile("" : "+r"(var))
#define __uint(name, value) int(*name)[value]
#define __type(name, value) value *name

enum { MAP_HASH = 1, MAP_ARRAY = 2, MAP_PROGRAMS = 3 };

struct __sk_buff {
	u32 len, pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci, vlan_proto, priority;
	u32 ingress_ifindex, ifindex, tc_index, cb[5], hash, tc_classid, data, data_end, napi_id;
	u32 family, remote_ip4, local_ip4, remote_ip6[4], local_ip6[4], remote_port, local_port;
	u32 data_meta;
	u64 flow_keys, tstamp;
	u32 wire_len, gso_segs;
	struct bpf_sock *sk;
};
struct bpf_sock {
	u32 bound_dev_if, family, type, protocol, mark, priority, src_ip4, src_ip6[4], src_port;
};
struct bpf_tcp_sock {
	u32 snd_cwnd, srtt_us, rtt_min, snd_ssthresh;
};
struct xdp_md {
	u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;
};

static void *(*lookup)(void *map, const void *key) = (void *)1;
static long (*update)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*delete)(void *map, const void *key) = (void *)3;
static u64 (*ktime)(void) = (void *)5;
static long (*trace_printk)(const char *format, u32 size, ...) = (void *)6;
static u32 (*cpu)(void) = (void *)8;
static long (*tail_call)(void *context, void *map, u32 index) = (void *)12;
static long (*load_bytes)(const void *skb, u32 offset, void *to, u32 size) = (void *)26;
static struct bpf_sock *(*fullsock)(struct bpf_sock *) = (void *)95;
static struct bpf_tcp_sock *(*tcp_sock)(struct bpf_sock *) = (void *)96;
static long (*read_kernel)(void *to, u32 size, const void *from) = (void *)113;
static struct task_struct *(*current_task)(void) = (void *)158;
static long (*for_each)(void *map, void *callback, void *context, u64 flags) = (void *)164;
static long (*loop)(u32 count, void *callback, void *context, u64 flags) = (void *)181;

char LICENSE[] SEC("license") = "GPL";
