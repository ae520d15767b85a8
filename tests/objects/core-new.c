/* CO-RE records that compilers write since enums can have 64 bits: also those of matches. And
 * names and candidates that loaders disagree about. -DTARGET: what a kernel has in place of
 * these types. */
#define SEC(name) __attribute__((section(name), used))
#define CORE __attribute__((preserve_access_index))
#define field(x, kind) __builtin_preserve_field_info(x, kind)
#define type(t, kind) __builtin_preserve_type_info(*(t *)0, kind)
#define enumval(t, v, kind) __builtin_preserve_enum_value(*(t *)v, kind)
enum { OFFSET, SIZE, EXISTS, SIGNED, LSHIFT, RSHIFT };
enum { TYPE_EXISTS, TYPE_SIZE, TYPE_MATCHES };
enum { VALUE_EXISTS, VALUE };

#ifdef TARGET
enum wide { WIDE = 0x300000002ULL, NEGATIVE = -5LL };
enum grown { SMALL = 3, LARGE = 0x500000004ULL };
enum shrunk { ONE = 1 };
enum lowest { LOWEST = -7 };
struct pointed { long other; };
struct matched { long first; struct pointed *pointer; int number; };
struct unmatched { unsigned int number; };
struct two___words { long first; int found; };
struct two { int found; };
struct narrow { long first; int both; int only; };
struct narrow___other { int both; };
struct fallible { unsigned char flag; int *pointer; };
typedef struct { int low; int high; } pair;
union either { long number; char bytes[16]; };
#define object(t, name) t name
object(enum wide, wide); object(enum grown, grown); object(enum shrunk, shrunk);
object(enum lowest, lowest); object(struct matched, matched);
object(struct unmatched, unmatched); object(struct two___words, words); object(struct two, two);
object(struct narrow, narrow); object(struct narrow___other, other);
object(struct fallible, fallible); object(pair, pair_); object(union either, either);
#else
char _license[] SEC("license") = "GPL";

enum wide { WIDE = 0x100000000ULL, NEGATIVE = -1LL };
enum grown { SMALL = 1, LARGE = 2 };
enum shrunk { ONE = 0x100000000ULL };
enum lowest { LOWEST = -1 };
struct pointed { int x; };
struct matched { int number; struct pointed *pointer; };
struct unmatched { int number; };
struct two___words___mine { int found; } CORE;
struct narrow { int only; int both; } CORE;
struct fallible { unsigned long flag; long *pointer; } CORE;
typedef struct { int high; } pair;
union either { char bytes[8]; } CORE;

long out[32];

SEC("socket/enums") int enums(void *p)
{
	long *o = out;
	o[0] = enumval(enum wide, WIDE, VALUE);
	o[1] = enumval(enum wide, NEGATIVE, VALUE);
	o[2] = enumval(enum wide, WIDE, VALUE_EXISTS);
	o[3] = enumval(enum grown, SMALL, VALUE);
	o[4] = enumval(enum grown, LARGE, VALUE);
	o[5] = enumval(enum grown, LARGE, VALUE_EXISTS);
	o[6] = enumval(enum shrunk, ONE, VALUE);
	o[7] = enumval(enum shrunk, ONE, VALUE_EXISTS);
	o[8] = enumval(enum lowest, LOWEST, VALUE);
	o[9] = type(enum grown, TYPE_SIZE);
	return 0;
}

SEC("socket/types") int types(void *p)
{
	long *o = out;
	o[0] = type(struct matched, TYPE_MATCHES);
	o[1] = type(struct unmatched, TYPE_MATCHES);
	o[2] = type(enum lowest, TYPE_MATCHES);
	o[3] = type(pair, TYPE_EXISTS);
	o[4] = type(pair, TYPE_SIZE);
	o[5] = type(union either, TYPE_SIZE);
	return 0;
}

SEC("socket/fields") int fields(void *p)
{
	struct two___words___mine *words = p;
	struct narrow *narrow = p;
	struct fallible *fallible = p;
	pair *two = p;
	union either *either = p;
	long *o = out;
	o[0] = field(words->found, EXISTS);
	o[1] = field(words->found, OFFSET);
	o[2] = field(narrow->only, OFFSET);
	o[3] = field(narrow->both, OFFSET);
	o[4] = field(narrow[3].both, OFFSET);
	o[5] = field(two->high, OFFSET);
	o[6] = field(either->bytes[7], OFFSET);
	o[7] = field(either->bytes, SIZE);
	o[8] = fallible->flag;
	o[9] = (long)fallible->pointer;
	return 0;
}

/* Whether there is an `either` is asked only where there is no `pair`. */
SEC("socket/nested") int nested(void *p)
{
	if (type(pair, TYPE_EXISTS))
		return type(struct matched, TYPE_SIZE);
	if (type(union either, TYPE_EXISTS))
		return 1;
	return enumval(enum lowest, LOWEST, VALUE);
}
#endif
