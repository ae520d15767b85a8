/* CO-RE records about types of a module: veth, of Debian's 6.1.192. core-module.btf has what they
 * need of the kernel, core-module-veth.btf of the module, cut by `cut_module` (tests/core). */
#define SEC(name) __attribute__((section(name), used))
#define CORE __attribute__((preserve_access_index))
#define field(x, kind) __builtin_preserve_field_info(x, kind)
#define type(t, kind) __builtin_preserve_type_info(*(t *)0, kind)
enum { OFFSET, SIZE, EXISTS };
enum { TYPE_EXISTS, TYPE_SIZE };

char _license[] SEC("license") = "GPL";

struct net_device { int ifindex; } CORE;
struct veth_rq { int nothing; } CORE;
struct veth_priv {
	struct net_device *peer;
	struct veth_rq *rq;
	unsigned int requested_headroom;
	int gone;
} CORE;

long out[16];

SEC("socket/module") int module(struct veth_priv *veth)
{
	long *o = out;
	o[0] = field(veth->rq, OFFSET);
	o[1] = field(veth->requested_headroom, SIZE);
	o[2] = field(veth->gone, EXISTS);
	o[3] = type(struct veth_priv, TYPE_SIZE);
	o[4] = type(struct veth_rq, TYPE_EXISTS);
	o[5] = __builtin_btf_type_id(*(struct veth_priv *)0, 1);
	o[6] = veth->requested_headroom;
	o[7] = veth->peer->ifindex;
	return 0;
}
