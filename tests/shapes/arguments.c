// Readers of arguments: a rolled loop that reads registers into a slot and stores them through a
// moving address, strings that are read and compared, a filter that is interpreted.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u8 legacy = 0, with_strings = 1, fold_case = 0, match = 1, debug = 0;
const volatile __u32 max_length = 64, uid = 0;
const volatile __u32 kinds[4] = { 1, 2, 3, 0 };
const volatile char prefix[8] = "/usr";
const volatile __u32 prefix_length = 4;

struct registers {
	__u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
};

struct event {
	__u64 time, arguments[6];
	__u32 count, used;
	char strings[512];
};

struct operation {
	__u32 kind, argument;
	char text[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct event);
} scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct operation);
} operations SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

static __noinline long add_string(struct event *e, __u64 from)
{
	__u32 at = e->used, length = max_length;
	long read;

	if (!with_strings || at > 384)
		return -1;
	if (length > 128)
		length = 128;
	read = bpf_probe_read_user_str(&e->strings[at], length, (void *)from);
	if (read <= 0)
		return -2;
	e->used = at + (read & 127);
	return read;
}

static __noinline long add(struct registers *r, struct event *e, __u32 i, __u32 kind)
{
	__u64 value = 0;

	if (i >= 4)
		return -1;
	switch (i) {
	case 0:
		value = r->di;
		break;
	case 1:
		value = r->si;
		break;
	case 2:
		value = r->dx;
		break;
	default:
		value = legacy ? r->cx : r->r10;
	}
	e->arguments[i] = value;
	switch (kind) {
	case 1:
		return 8;
	case 2:
		return add_string(e, value);
	case 3: {
		__u32 read = 0;

		if (bpf_probe_read_user(&read, 4, (void *)value))
			return -2;
		e->arguments[i] = read;
		return 4;
	}
	}
	return -4;
}

static __noinline int same(const char *a, const char *b, __u32 length)
{
	for (__u32 i = 0; i < 16; i++) {
		char x = a[i], y = b[i];

		if (i >= length)
			return 1;
		if (fold_case) {
			if (x >= 'A' && x <= 'Z')
				x += 32;
			if (y >= 'A' && y <= 'Z')
				y += 32;
		}
		if (x != y)
			return 0;
		if (!x)
			return 1;
	}
	return 1;
}

static __noinline int passes(struct event *e, __u32 i)
{
	struct operation *o = bpf_map_lookup_elem(&operations, &i);

	if (!o || i >= 4)
		return 1;
	switch (o->kind) {
	case 0:
		return e->arguments[i] == o->argument;
	case 1:
		return e->arguments[i] > o->argument;
	case 2:
		return same(e->strings, o->text, 16);
	case 3:
		return !same(e->strings, o->text, 16);
	}
	return (e->arguments[i] & o->argument) != 0;
}

static __always_inline int has_prefix(const char *text)
{
	for (__u32 i = 0; i < sizeof(prefix); i++) {
		if (i >= prefix_length)
			return 1;
		if (text[i] != prefix[i])
			return 0;
	}
	return 1;
}

SEC("kprobe/enter") int enter(struct registers *r)
{
	__u32 zero = 0;
	struct event *e = bpf_map_lookup_elem(&scratch, &zero);

	if (!e || (uid && (__u32)bpf_get_current_uid_gid() != uid))
		return 0;
	e->time = bpf_ktime_get_ns();
	e->used = e->count = 0;
#pragma unroll
	for (__u32 i = 0; i < 4; i++) {
		if (!kinds[i])
			break;
		if (add(r, e, i, kinds[i]) < 0) {
			if (debug)
				bpf_printk("argument %d", i);
			e->arguments[i] = 0;
		}
		e->count++;
	}
	if (match && !passes(e, 0))
		return 0;
	if (with_strings && !has_prefix(e->strings))
		return 0;
	bpf_ringbuf_output(&events, e, sizeof(*e), 0);
	return 0;
}

SEC("kprobe/rolled") int rolled(struct registers *r)
{
	__u64 values[8], slot, *to = values;
	struct registers *inner = (void *)r->di;

	__builtin_memset(values, 0, sizeof(values));
	if (legacy)
		values[7] = r->si;
#pragma clang loop unroll(disable)
	for (__u64 *from = &inner->r15; from < &inner->r8; from++) {
		slot = 0;
		bpf_probe_read_kernel(&slot, sizeof(slot), from);
		*to++ = slot;
		if (to == values + 6)
			break;
	}
	bpf_ringbuf_output(&events, values, sizeof(values), 0);
	return 0;
}

SEC("kprobe/compare") int compare(struct registers *r)
{
	char a[16] = {}, b[16] = {};

	if (bpf_probe_read_user_str(a, 16, (void *)r->di) < 0)
		return 0;
	if (with_strings)
		bpf_probe_read_user_str(b, 16, (void *)r->si);
	else
		bpf_get_current_comm(b, 16);
	if (!same(a, b, max_length))
		return 1;
	if (match && a[0] == '/' && a[1] == 't' && a[2] == 'm' && a[3] == 'p')
		return 2;
	return __builtin_memcmp(a, b, 16) == 0;
}

char LICENSE[] SEC("license") = "GPL";
