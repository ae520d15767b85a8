// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A tracing agent in the manner of the command-line tools that time system
 * calls: what it filters by and what it reports are flags, kept apart from the
 * code that does it by static subprograms which get the flag as an argument or
 * give a decision back.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define TASK_COMM_LEN 16

const volatile bool filter_cgroup = false;
const volatile __s32 targ_pid = 0;		/* 0: all processes */
const volatile __s32 targ_syscall = -1;		/* -1: all */
const volatile __u64 min_duration_ns = 0;
const volatile bool failed_only = false;
const volatile bool with_parent = true;
const volatile bool count_only = false;
const volatile char targ_comm[TASK_COMM_LEN] = "";

struct start {
	__u64 time_ns;
	__u32 syscall;
};

struct event {
	__u64 duration_ns;
	__s64 ret;
	__u32 pid;
	__u32 ppid;
	__u32 syscall;
	char comm[TASK_COMM_LEN];
};

struct key {
	__u32 syscall;
	bool failed;
};

/* The two tracepoints' records. */
struct sys_enter_args {
	__u64 common;
	__s64 id;
	__u64 args[6];
};

struct sys_exit_args {
	__u64 common;
	__s64 id;
	__s64 ret;
};

struct task_struct {
	int tgid;
	struct task_struct *real_parent;
} __attribute__((preserve_access_index));

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} cgroups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, struct start);
} starts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct key);
	__type(value, __u64);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

static __noinline bool wanted_task(bool in_cgroup, __s32 pid)
{
	char comm[TASK_COMM_LEN];

	if (in_cgroup && bpf_current_task_under_cgroup(&cgroups, 0) != 1)
		return false;
	if (pid && pid != (__s32)(bpf_get_current_pid_tgid() >> 32))
		return false;
	if (!targ_comm[0])
		return true;
	bpf_get_current_comm(comm, sizeof(comm));
	for (int i = 0; i < TASK_COMM_LEN; i++) {
		if (comm[i] != targ_comm[i])
			return false;
		if (!targ_comm[i])
			break;
	}
	return true;
}

static __noinline __u32 parent_of_current(bool wanted)
{
	struct task_struct *task;

	if (!wanted)
		return 0;
	task = (void *)bpf_get_current_task();
	return BPF_CORE_READ(task, real_parent, tgid);
}

static __noinline void count(__u32 syscall, bool failed)
{
	struct key key = { .syscall = syscall, .failed = failed };
	__u64 one = 1, *value = bpf_map_lookup_elem(&counts, &key);

	if (value)
		__sync_fetch_and_add(value, 1);
	else
		bpf_map_update_elem(&counts, &key, &one, BPF_NOEXIST);
}

SEC("tracepoint/raw_syscalls/sys_enter")
int enter(struct sys_enter_args *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct start start = {};

	if (targ_syscall >= 0 && ctx->id != targ_syscall)
		return 0;
	if (!wanted_task(filter_cgroup, targ_pid))
		return 0;
	start.time_ns = count_only && !min_duration_ns ? 0 : bpf_ktime_get_ns();
	start.syscall = ctx->id;
	bpf_map_update_elem(&starts, &tid, &start, BPF_ANY);
	return 0;
}

SEC("tracepoint/raw_syscalls/sys_exit")
int leave(struct sys_exit_args *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	bool failed = ctx->ret < 0, only_failed = failed_only;
	struct start *start = bpf_map_lookup_elem(&starts, &tid);
	struct event *event;
	__u64 duration = 0;

	if (!start)
		return 0;
	if (only_failed && !failed)
		goto out;
	if (min_duration_ns || !count_only)
		duration = bpf_ktime_get_ns() - start->time_ns;
	if (duration < min_duration_ns)
		goto out;
	if (count_only) {
		count(start->syscall, only_failed || failed);
		goto out;
	}
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		goto out;
	event->duration_ns = duration;
	event->ret = ctx->ret;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->ppid = parent_of_current(with_parent);
	event->syscall = start->syscall;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_ringbuf_submit(event, 0);
out:
	bpf_map_delete_elem(&starts, &tid);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
