// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * One object for every kernel: userspace stores the version of the running
 * kernel in `kernel_version` before the load, and the program picks the
 * helpers which that kernel has. The verifier of an old kernel still sees the
 * helpers of the new one, and both event maps are created on all of them,
 * unless the object is folded first.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define TASK_COMM_LEN 16

/* KERNEL_VERSION() of the running kernel; 0 stands for "older than 4.17". */
const volatile __u32 kernel_version = 0;

/* Longest run of arguments that is read from one call. */
const volatile __u32 max_args = 4;

struct event {
	__u64 time_ns;
	__u64 task;
	__u32 pid;
	__u32 tgid;
	char comm[TASK_COMM_LEN];
	__u64 regs[8];
};

/* Used on 5.8 and later. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events_ring SEC(".maps");

/* Used before 5.8. */
struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} events_perf SEC(".maps");

/* Where an event is put together before 5.8: too large for the stack beside the rest. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct event);
} scratch SEC(".maps");

/* Time that does not stop while the machine sleeps, where the kernel has it. */
static __always_inline __u64 now(void)
{
	if (kernel_version >= KERNEL_VERSION(6, 1, 0))
		return bpf_ktime_get_tai_ns();
	else if (kernel_version >= KERNEL_VERSION(5, 8, 0))
		return bpf_ktime_get_boot_ns();
	return bpf_ktime_get_ns();
}

/* bpf_probe_read() was split by address space in 5.5. */
static __always_inline long read_kernel(void *to, __u32 size, const void *from)
{
	if (kernel_version >= KERNEL_VERSION(5, 5, 0))
		return bpf_probe_read_kernel(to, size, from);
	return bpf_probe_read(to, size, from);
}

struct read_ctx {
	struct event *event;
	const __u64 *regs;
};

static long read_one(__u32 i, void *data)
{
	struct read_ctx *ctx = data;

	if (i >= 8 || i >= max_args)
		return 1;
	read_kernel(&ctx->event->regs[i], sizeof(__u64), ctx->regs + i);
	return 0;
}

static __noinline void fill(struct event *event, const __u64 *regs)
{
	struct read_ctx ctx = { .event = event, .regs = regs };
	__u64 id = bpf_get_current_pid_tgid();

	event->time_ns = now();
	event->task = bpf_get_current_task();
	event->pid = (__u32)id;
	event->tgid = id >> 32;
	bpf_get_current_comm(event->comm, sizeof(event->comm));

	if (kernel_version >= KERNEL_VERSION(5, 17, 0)) {
		bpf_loop(8, read_one, &ctx, 0);
	} else if (kernel_version >= KERNEL_VERSION(5, 3, 0)) {
		for (__u32 i = 0; i < 8; i++)
			if (read_one(i, &ctx))
				break;
	} else {
		/* No loops at all before 5.3. */
#pragma unroll
		for (__u32 i = 0; i < 8; i++)
			if (i < max_args)
				read_kernel(&event->regs[i], sizeof(__u64), regs + i);
	}
}

/* ctx->args: struct pt_regs *regs, long id */
SEC("raw_tp/sys_enter")
int on_sys_enter(struct bpf_raw_tracepoint_args *ctx)
{
	const __u64 *regs = (const __u64 *)ctx->args[0];
	struct event *event;
	__u32 zero = 0;

	if (kernel_version >= KERNEL_VERSION(5, 8, 0)) {
		event = bpf_ringbuf_reserve(&events_ring, sizeof(*event), 0);
		if (!event)
			return 0;
		__builtin_memset(event, 0, sizeof(*event));
		fill(event, regs);
		bpf_ringbuf_submit(event, 0);
	} else {
		event = bpf_map_lookup_elem(&scratch, &zero);
		if (!event)
			return 0;
		__builtin_memset(event, 0, sizeof(*event));
		fill(event, regs);
		bpf_perf_event_output(ctx, &events_perf, BPF_F_CURRENT_CPU,
				      event, sizeof(*event));
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
