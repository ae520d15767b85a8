/* What kernels have in place of the types of core.c: -DNEW for another layout, -DAMBIGUOUS for
 * two types of a name. */
enum state { IDLE = 1, BUSY = 7, };
struct inner { long before; int values[8]; int low; };
struct task {
	long new_first;
	union { struct { unsigned short flags; int pid; }; long both; };
	struct task *parent;
	unsigned ahead : 30;
	unsigned bits : 5;
	signed more_bits : 9;
	struct inner inner;
	long shown;
	unsigned char tail[];
};
struct renamed {
#ifdef NEW
	long first;
	int after;
#else
	int before;
#endif
};
struct counted { unsigned int gap; unsigned int count; };
typedef long (*callback)(struct task *, long);
#ifdef AMBIGUOUS
struct counted___2 { unsigned int count; };
struct counted___2 counted;
#else
struct counted counted;
#endif
#ifdef AMBIGUOUS
struct counted other;
#endif
struct task task;
struct renamed renamed;
enum state state;
callback call;
