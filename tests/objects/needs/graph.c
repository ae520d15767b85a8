// SPDX-License-Identifier: MIT OR Apache-2.0
// Types that kernels look up by the names in declaration tags of lists and trees
// (`btf_find_graph_root` in kernel/bpf/btf.c). Only code that can be dead uses them.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct bpf_list_head { __u64 opaque[2]; } __attribute__((aligned(8)));
struct bpf_list_node { __u64 opaque[3]; } __attribute__((aligned(8)));
struct bpf_rb_root { __u64 opaque[2]; } __attribute__((aligned(8)));
struct bpf_rb_node { __u64 opaque[4]; } __attribute__((aligned(8)));
extern void *bpf_obj_new_impl(__u64 local_type_id, void *meta) __ksym;
extern void bpf_obj_drop_impl(void *kptr, void *meta) __ksym;
extern struct bpf_list_node *bpf_list_pop_front(struct bpf_list_head *head) __ksym;
extern int bpf_list_push_front_impl(struct bpf_list_head *head, struct bpf_list_node *node,
				    void *meta, __u64 off) __ksym;

#define contains(type, node) __attribute__((btf_decl_tag("contains:" #type ":" #node)))
#define type_id(type) __builtin_btf_type_id(*(type *)0, 0)

const volatile _Bool with_lists;

// Named by tags alone if the code that makes items dies.
struct leaf {
	struct bpf_list_node in;
	__u64 value;
};

// A type of items that is a list itself.
struct branch {
	struct bpf_list_node in;
	struct bpf_spin_lock lock;
	struct bpf_list_head leaves contains(leaf, in);
};

struct fruit {
	struct bpf_rb_node in;
	__u64 value;
};

// No list has these, only dead code.
struct seed {
	struct bpf_list_node in;
	__u64 value;
};

// In the value of a map.
struct value {
	struct bpf_spin_lock lock;
	struct bpf_list_head branches contains(branch, in);
	__u64 count;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct value);
} lists SEC(".maps");

// In a variable.
#define in_tree SEC(".data.tree") __attribute__((visibility("hidden"), aligned(8)))
struct bpf_spin_lock tree_lock in_tree;
struct bpf_rb_root tree in_tree contains(fruit, in);
__u64 trees in_tree;

static __noinline int fill(struct value *value)
{
	struct branch *branch;
	struct fruit *fruit;
	struct leaf *leaf;
	struct seed *seed;

	branch = bpf_obj_new_impl(type_id(struct branch), 0);
	if (!branch)
		return 1;
	leaf = bpf_obj_new_impl(type_id(struct leaf), 0);
	if (leaf)
		bpf_obj_drop_impl(leaf, 0);
	fruit = bpf_obj_new_impl(type_id(struct fruit), 0);
	if (fruit)
		bpf_obj_drop_impl(fruit, 0);
	seed = bpf_obj_new_impl(type_id(struct seed), 0);
	if (seed)
		bpf_obj_drop_impl(seed, 0);
	bpf_spin_lock(&value->lock);
	bpf_list_push_front_impl(&value->branches, &branch->in, 0, 0);
	bpf_spin_unlock(&value->lock);
	return 0;
}

SEC("tc")
int graph(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct value *value = bpf_map_lookup_elem(&lists, &key);

	if (!value)
		return 0;
	if (with_lists)
		return fill(value);
	bpf_spin_lock(&value->lock);
	value->count += skb->len;
	bpf_spin_unlock(&value->lock);
	bpf_spin_lock(&tree_lock);
	trees++;
	bpf_spin_unlock(&tree_lock);
	return 0;
}

SEC("tc")
int without(struct __sk_buff *skb)
{
	return with_lists;
}

char LICENSE[] SEC("license") = "GPL";
