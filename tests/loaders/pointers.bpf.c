// SPDX-License-Identifier: GPL-2.0
// Pointers of the kernel that can be null, and registers that hold 0 where they are: the
// verifier takes some of these for numbers and some still for pointers. `cfg` is read
// everywhere, so that every function is rewritten; tests/pointers.rs loads each program as it
// is and folded.
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define NOINLINE static __attribute__((noinline))
#define GLOBAL __attribute__((noinline))

typedef unsigned int u32;
typedef unsigned long long u64;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct mm_struct {
	int map_count;
	u64 total_vm;
};
struct nsproxy {
	int dummy;
};
struct task_struct {
	struct mm_struct *mm;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	int pid;
	int tgid;
};
#pragma clang attribute pop

struct bpf_iter_meta {
	struct seq_file *seq;
	u64 session_id;
	u64 seq_num;
} __attribute__((preserve_access_index));
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
} __attribute__((preserve_access_index));

const volatile int cfg;
const volatile u32 limit = 5;
u64 seen[8];
u64 last;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u64);
} numbers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, u64);
} storage SEC(".maps");

GLOBAL int report(int count, int what)
{
	seen[what & 7] += count;
	return count + cfg;
}

NOINLINE int note(u64 count, int what)
{
	if (cfg)
		count += what;
	seen[(what + 1) & 7] += count;
	return count != 0;
}

SEC("raw_tp/sys_enter")
int null_is_argument(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct mm_struct *mm = task->mm;

	if (cfg)
		last++;
	if (mm)
		report(mm->map_count, 1);
	else
		report(0, 2);
	return 0;
}

SEC("raw_tp/sys_enter")
int null_is_argument_of_static(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct mm_struct *mm = task->mm;

	if (cfg == 1)
		last++;
	if (mm)
		note(mm->total_vm, 1);
	else
		note(0, 2);
	return 0;
}

SEC("cgroup_skb/egress")
int null_is_result(struct __sk_buff *skb)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct mm_struct *mm = task->mm;

	if (cfg)
		last += skb->len;
	if (!mm)
		return 0;
	last += mm->map_count;
	return 1;
}

SEC("cgroup_skb/egress")
int null_is_operand(struct __sk_buff *skb)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct mm_struct *mm = task->mm;
	u64 sum = cfg;

	if (mm)
		sum += mm->total_vm;
	else
		sum |= skb->len;
	last = sum;
	return sum != 7;
}

SEC("raw_tp/sys_enter")
int null_twice(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct mm_struct *mm = task->mm;
	int count = 0;

	if (mm)
		count = mm->map_count;
	if (cfg)
		count++;
	if (!mm)
		report(0, count);
	else
		report(count, 0);
	return 0;
}

NOINLINE struct mm_struct *mm_of(struct task_struct *task)
{
	if (cfg)
		last++;
	return task->mm;
}

SEC("raw_tp/sys_enter")
int null_from_static(void *ctx)
{
	struct mm_struct *mm = mm_of(bpf_get_current_task_btf());

	if (mm)
		report(mm->map_count, 3);
	else
		report(0, 4);
	return 0;
}

SEC("raw_tp/sys_enter")
int null_in_frame(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct mm_struct *volatile kept = task->mm;
	struct mm_struct *mm;

	if (cfg)
		report(1, 1);
	mm = kept;
	if (mm) {
		report(mm->map_count, 5);
		return 0;
	}
	last = (u64)kept;
	return report(0, 6);
}

SEC("raw_tp/sys_enter")
int null_over_calls(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct mm_struct *mm = task->mm;
	struct task_struct *parent = task->real_parent;

	report(cfg, 1);
	if (!mm) {
		report(0, 0);
		last = 0;
		return 0;
	}
	if (parent)
		report(parent->pid, mm->map_count);
	else
		report(0, mm->map_count);
	return 0;
}

SEC("raw_tp/sys_enter")
int compared_with_numbers(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 parent = (u64)task->real_parent;

	if (cfg)
		last++;
	if (parent == 5)
		last = 5;
	else if ((u32)parent == limit)
		report((u32)parent & 3, limit);
	else
		last = parent;
	return 0;
}

SEC("raw_tp/sys_enter")
int null_is_size(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct mm_struct *mm = task->mm;
	char buf[16] = {};
	u32 len = 0;

	if (mm)
		len = cfg ? 8 : 16;
	bpf_probe_read_kernel(buf, len, mm);
	last += buf[3];
	return 0;
}

SEC("raw_tp/sys_enter")
int null_is_stored(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct mm_struct *mm = task->mm;
	u32 key = cfg & 3;
	u64 *value = bpf_map_lookup_elem(&numbers, &key);

	if (!value)
		return 0;
	if (mm)
		*value = mm->total_vm;
	else
		*value = 0;
	return 0;
}

SEC("raw_tp/sys_enter")
int or_null(void *ctx)
{
	u32 key = cfg & 3;
	u64 *value = bpf_map_lookup_elem(&numbers, &key);

	if (value)
		report(*value, 1);
	else
		report(0, 2);
	return 0;
}

SEC("raw_tp/sys_enter")
int storage_of_parent(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_struct *leader = task->group_leader;
	u64 *value;

	if (cfg)
		last++;
	if (!leader)
		return note(0, 1);
	value = bpf_task_storage_get(&storage, task, 0, cfg ? 1 : 0);
	if (!value)
		return report(0, 3);
	*value += leader->pid;
	return 0;
}

SEC("iter/task")
int each_task(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (cfg)
		last++;
	if (!task) {
		report(0, 1);
		return 0;
	}
	if (task->mm)
		report(task->mm->map_count, task->pid);
	else
		report(0, task->pid);
	return 0;
}

SEC("cgroup_skb/egress")
int sockets(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	struct bpf_sock *full;

	if (!sk)
		return report(0, 1) != 7;
	full = cfg ? sk : bpf_sk_fullsock(sk);
	if (!full)
		return report(0, 2) != 7;
	return report(full->mark, 3) != 7;
}

char _license[] SEC("license") = "GPL";
