// SPDX-License-Identifier: MIT OR Apache-2.0
// Maps and variables that programs of the host find by their names.
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>
#include <bpf/usdt.bpf.h>

const volatile _Bool with_arguments;
const volatile _Bool logging;
const volatile __u32 unused = 6;
// bpftool prog show prints it.
const char bpf_metadata_version[] SEC(".rodata") = "1.2.3";
__u64 sum;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} AYA_LOGS SEC(".maps");

SEC("usdt")
int probe(struct pt_regs *ctx)
{
	long value = 1;

	if (with_arguments)
		bpf_usdt_arg(ctx, 0, &value);
	sum += value;
	return 0;
}

// The host attaches it with bpf_program__attach_usdt.
SEC("uprobe")
int by_hand(struct pt_regs *ctx)
{
	long value = 2;

	if (with_arguments)
		bpf_usdt_arg(ctx, 1, &value);
	sum += value;
	return 0;
}

SEC("tc")
int logs(struct __sk_buff *skb)
{
	if (logging)
		bpf_ringbuf_output(&AYA_LOGS, &sum, sizeof(sum), 0);
	return 0;
}

SEC("tc")
int plain(struct __sk_buff *skb)
{
	return logging;
}

char LICENSE[] SEC("license") = "GPL";
