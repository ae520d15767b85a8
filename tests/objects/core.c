/* CO-RE records of every kind. The types here are the object's own; those of the targets are in
 * core-target.c. */
#define SEC(name) __attribute__((section(name), used))
#define CORE __attribute__((preserve_access_index))
#define field(x, kind) __builtin_preserve_field_info(x, kind)
#define type(t, kind) __builtin_preserve_type_info(*(t *)0, kind)
#define enumval(t, v, kind) __builtin_preserve_enum_value(*(t *)v, kind)
enum { OFFSET, SIZE, EXISTS, SIGNED, LSHIFT, RSHIFT };
enum { TYPE_EXISTS, TYPE_SIZE, TYPE_MATCHES };
enum { VALUE_EXISTS, VALUE };

char _license[] SEC("license") = "GPL";

enum state { IDLE = 1, BUSY = 2, GONE = 3 };
enum wide___mine { WIDE = 0x100000000ULL };

struct inner { int low; int values[4]; };
struct task___mine {
	int pid;
	unsigned int flags;
	struct { int hidden; long shown; };
	struct inner inner;
	unsigned bits : 5;
	int more_bits : 9;
	struct task___mine *parent;
	unsigned char tail[];
} CORE;
struct renamed___old { int before; } CORE;
struct renamed___new { int after; } CORE;
struct nowhere { int x; } CORE;
struct counted { unsigned long count; } CORE;
struct in_module { int y; } CORE;
typedef int (*callback)(struct task___mine *, int);

long out[32];

SEC("socket/kinds") int kinds(struct task___mine *t)
{
	long *o = out;
	o[0] = field(t->pid, OFFSET);
	o[1] = field(t->inner.values[2], OFFSET);
	o[2] = field(t->shown, OFFSET);
	o[3] = field(t->flags, SIZE);
	o[4] = field(t->bits, EXISTS);
	o[5] = field(t->more_bits, SIGNED);
	o[6] = field(t->bits, LSHIFT);
	o[7] = field(t->more_bits, RSHIFT);
	o[8] = __builtin_btf_type_id(*(struct inner *)0, 0);
	o[9] = __builtin_btf_type_id(*(struct inner *)0, 1);
	o[10] = type(struct inner, TYPE_EXISTS);
	o[11] = type(struct nowhere, TYPE_EXISTS);
	o[12] = type(struct task___mine, TYPE_SIZE);
	o[13] = enumval(enum state, BUSY, VALUE_EXISTS);
	o[14] = enumval(enum state, GONE, VALUE_EXISTS);
	o[15] = enumval(enum state, BUSY, VALUE);
	o[16] = type(callback, TYPE_EXISTS);
	o[17] = field(t->tail[3], OFFSET);
	o[18] = field(t->inner.values, SIZE);
	o[19] = field(t->bits, OFFSET);
	o[20] = field(t->more_bits, SIZE);
	o[21] = type(struct nowhere, TYPE_SIZE);
	return 0;
}

SEC("socket/loads") int loads(struct counted *c)
{
	return c->count;
}

SEC("socket/branch") int branch(void *p)
{
	struct renamed___old *old = p;
	struct renamed___new *new = p;
	if (field(new->after, EXISTS))
		return new->after;
	return old->before;
}

SEC("socket/missing") int missing(struct nowhere *n)
{
	return n->x;
}

SEC("?socket/optional") int optional(struct nowhere *n)
{
	return n->x;
}

SEC("socket/module") int module(struct in_module *m)
{
	return m->y;
}
