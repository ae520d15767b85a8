// SPDX-License-Identifier: MIT OR Apache-2.0
// A program that casts addresses of an arena must name the arena
// (`addr_space_cast` in kernel/bpf/verifier.c), though only code that can be dead does.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define BPF_MAP_TYPE_ARENA 33
#define __arena __attribute__((address_space(1)))
extern void __arena *bpf_arena_alloc_pages(void *map, void __arena *addr, __u32 page_cnt,
					   int node_id, __u64 flags) __ksym;

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 4);
} arena SEC(".maps");

const volatile _Bool allocate;
const volatile _Bool with_arena;
// Where the host says that there is something.
__u64 shared;

SEC("syscall")
int casts(void *ctx)
{
	__u32 __arena *page = (__u32 __arena *)shared;

	if (allocate)
		page = bpf_arena_alloc_pages(&arena, 0, 1, -1, 0);
	if (!page)
		return 1;
	*page = 7;
	return 0;
}

// The cast and the name are in different functions.
static __noinline int fill(void)
{
	__u32 __arena *page = (__u32 __arena *)shared;

	*page = 8;
	return 0;
}

SEC("syscall")
int casts_in_function(void *ctx)
{
	if (allocate)
		shared = (__u64)bpf_arena_alloc_pages(&arena, 0, 1, -1, 0);
	return fill();
}

// Nothing is left of it.
SEC("syscall")
int without(void *ctx)
{
	if (with_arena) {
		__u32 __arena *page = bpf_arena_alloc_pages(&arena, 0, 1, -1, 0);

		if (page)
			*page = 9;
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
