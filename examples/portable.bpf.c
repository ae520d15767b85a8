// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * One object for 5.10 and later that asks about its kernel in every way there is:
 *
 *  - a variable that userspace sets, which decides about helpers,
 *  - LINUX_* variables in .kconfig,
 *  - CONFIG_* variables there,
 *  - weak kernel symbols, a variable and functions,
 *  - CO-RE checks of a field, a type and enumerators.
 *
 * A loader fills all but the first in when it loads the object; bpfold can do so before. The
 * program runs by BPF_PROG_TEST_RUN; its result has a bit for each path that it took.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "../include/bpfold.h"

/* Not set, the oldest kernel is assumed. */
const volatile __u32 kernel_version bpfold_const("KERNEL_VERSION() of the target kernel") =
	KERNEL_VERSION(5, 10, 0);

/* For userspace to set. */
const volatile __u32 mark = 0;

extern int LINUX_KERNEL_VERSION __kconfig;
extern bool LINUX_HAS_BPF_COOKIE __kconfig __weak;
extern unsigned int CONFIG_HZ __kconfig __weak;
extern enum libbpf_tristate CONFIG_BPF_LSM __kconfig __weak;
extern char CONFIG_DEFAULT_HOSTNAME[8] __kconfig __weak;
/* Options of 5.12, 6.6 and 6.12, if the kernel was built with them. */
extern bool CONFIG_PREEMPT_DYNAMIC __kconfig __weak;
extern bool CONFIG_NET_XGRESS __kconfig __weak;
extern bool CONFIG_SCHED_CLASS_EXT __kconfig __weak;

/* 6.1 and later. */
extern const void bpf_mem_alloc_init __ksym __weak;

/* 6.2 and later. Loaders compare the types: a struct that is only declared would not do. */
struct task_struct {
	int pid;
} __attribute__((preserve_access_index));
extern struct task_struct *bpf_task_from_pid(int pid) __ksym __weak;
extern void bpf_task_release(struct task_struct *task) __ksym __weak;
/* 6.17 and later. */
extern int bpf_strlen(const char *string) __ksym __weak;

/* Up to 5.13. */
struct task_struct___old {
	long state;
} __attribute__((preserve_access_index));

/* 5.19 and later. */
struct bpf_dynptr_kern___check {
	int unused;
};

/* 6.9 and 6.19 and later. */
enum bpf_map_type___check {
	BPF_MAP_TYPE_ARENA___check = 33,
	BPF_MAP_TYPE_INSN_ARRAY___check = 34,
};

/* The bits of the result. */
enum taken {
	CLOCK_BOOT = 1 << 0,
	CLOCK_TAI = 1 << 1,
	BEFORE_6 = 1 << 2,
	BEFORE_6_12 = 1 << 3,
	SINCE_7 = 1 << 4,
	COOKIE = 1 << 5,
	LSM = 1 << 6,
	HZ_250 = 1 << 7,
	UNNAMED = 1 << 8,
	SCHED_EXT = 1 << 9,
	MEM_ALLOC = 1 << 10,
	TASK = 1 << 11,
	OLD_STATE = 1 << 12,
	DYNPTR = 1 << 13,
	ARENA = 1 << 14,
	MARKED = 1 << 15,
	PREEMPT = 1 << 16,
	XGRESS = 1 << 17,
	STRLEN = 1 << 18,
	INSN_ARRAY = 1 << 19,
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} last_run SEC(".maps");

/* The helpers that a kernel has: userspace says so. */
static __always_inline int clocks(void)
{
	__u32 zero = 0;
	__u64 now;
	int path;

	if (kernel_version >= KERNEL_VERSION(6, 1, 0)) {
		now = bpf_ktime_get_tai_ns();
		path = CLOCK_TAI;
	} else {
		now = bpf_ktime_get_boot_ns();
		path = CLOCK_BOOT;
	}
	bpf_map_update_elem(&last_run, &zero, &now, BPF_ANY);
	return path;
}

/* What the kernel was built as. */
static __always_inline int options(void)
{
	int path = 0;

	if (LINUX_KERNEL_VERSION < KERNEL_VERSION(6, 0, 0))
		path |= BEFORE_6;
	else if (LINUX_KERNEL_VERSION < KERNEL_VERSION(6, 12, 0))
		path |= BEFORE_6_12;
	else if (LINUX_KERNEL_VERSION >= KERNEL_VERSION(7, 0, 0))
		path |= SINCE_7;
	if (LINUX_HAS_BPF_COOKIE)
		path |= COOKIE;
	if (CONFIG_BPF_LSM == TRI_YES)
		path |= LSM;
	if (CONFIG_HZ == 250)
		path |= HZ_250;
	if (CONFIG_DEFAULT_HOSTNAME[0] == '(')
		path |= UNNAMED;
	if (CONFIG_PREEMPT_DYNAMIC)
		path |= PREEMPT;
	if (CONFIG_NET_XGRESS)
		path |= XGRESS;
	if (CONFIG_SCHED_CLASS_EXT)
		path |= SCHED_EXT;
	return path;
}

/* What the kernel has, by name. */
static __always_inline int symbols(void)
{
	int path = 0;

	if (&bpf_mem_alloc_init)
		path |= MEM_ALLOC;
	if (bpf_task_from_pid && bpf_task_release) {
		struct task_struct *task = bpf_task_from_pid(1);

		if (task) {
			/* The offset of pid is the kernel's, too. */
			if (task->pid == 1)
				path |= TASK;
			bpf_task_release(task);
		}
	}
	if (bpf_strlen && bpf_strlen("portable") == 8)
		path |= STRLEN;
	return path;
}

/* What the kernel has, by type. */
static __always_inline int types(void)
{
	int path = 0;

	if (bpf_core_field_exists(struct task_struct___old, state))
		path |= OLD_STATE;
	if (bpf_core_type_exists(struct bpf_dynptr_kern___check))
		path |= DYNPTR;
	if (bpf_core_enum_value_exists(enum bpf_map_type___check, BPF_MAP_TYPE_ARENA___check))
		path |= ARENA;
	if (bpf_core_enum_value_exists(enum bpf_map_type___check, BPF_MAP_TYPE_INSN_ARRAY___check))
		path |= INSN_ARRAY;
	return path;
}

SEC("classifier")
int portable(struct __sk_buff *skb)
{
	int path = clocks() | options() | symbols() | types();

	if (mark && skb->mark == mark)
		path |= MARKED;
	return path;
}

char LICENSE[] SEC("license") = "GPL";
