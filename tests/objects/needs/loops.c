// SPDX-License-Identifier: MIT OR Apache-2.0
// Callbacks of `bpf_loop` that run no times. The kernel's verifier enters no callback of a loop
// that it knows to run no times (`check_helper_call` of `kernel/bpf/verifier.c`). If nothing else
// enters it, it is dead code that the program still holds the address of: `jit_subprogs` refuses
// that, unless another function has come to stand where it was, or none is left. Here `behind`
// stands there, until folding finds that it cannot run: it puts bytes on the stack together, the
// verifier does not.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct state {
	__u64 sum;
};

const volatile __u32 times = 0;
const volatile __u8 one = 1;

static long never(__u32 index, struct state *state)
{
	state->sum += index;
	return 0;
}

static long behind(__u32 index, struct state *state)
{
	state->sum ^= index;
	return 0;
}

static __noinline __u32 bits(struct __sk_buff *skb)
{
	return skb->len ^ skb->mark;
}

// Whether four bytes are not what they are: the verifier cannot tell.
static inline _Bool is_wrong(void)
{
	volatile union {
		__u8 byte[4];
		__u32 word;
	} bytes = { .byte = { one, one, one, one } };

	return bytes.word != 0x01010101;
}

SEC("socket")
int by_value(struct __sk_buff *skb)
{
	struct state state = { bits(skb) };
	_Bool wrong = is_wrong();

	if (skb->len & 1)
		bpf_loop(times, never, &state, 0);
	if (wrong)
		bpf_loop(3, behind, &state, 0);
	return state.sum;
}

// No value is in this function.
static __noinline long runs_none(struct state *state)
{
	return bpf_loop(0, never, state, 0);
}

SEC("socket")
int by_source(struct __sk_buff *skb)
{
	struct state state = { bits(skb) };
	_Bool wrong = is_wrong();
	long ran = runs_none(&state);

	if (wrong)
		bpf_loop(3, behind, &state, 0);
	return state.sum + ran;
}

// The callback that runs no times in one place runs in another.
SEC("socket")
int both(struct __sk_buff *skb)
{
	struct state state = { bits(skb) };
	_Bool wrong = is_wrong();

	if (skb->len & 1)
		bpf_loop(times, never, &state, 0);
	else
		bpf_loop(times + 2, never, &state, 0);
	if (wrong)
		bpf_loop(3, behind, &state, 0);
	return state.sum;
}

char LICENSE[] SEC("license") = "GPL";
