# The summary, and which values `vars` shows afterwards.
bpfold fold examples/kernel_version.bpf.o -o out.o --set kernel_version='KERNEL_VERSION(5,10,0)'
bpfold vars out.o
# Without options: what could be set.
bpfold fold examples/kernel_version.bpf.o -o same.o
cmp examples/kernel_version.bpf.o same.o
# Every branch and load.
bpfold fold examples/callbacks.bpf.o -o out.o --freeze 'limit*' --set mirror=true --verbose
# A member alone: the rest of the variable can still be set.
bpfold fold examples/agent.bpf.o -o out.o --set cfg.debug=false
bpfold vars out.o
# DWARF goes as soon as code moves.
bpfold fold examples/xdp_filter.bpf.o -o out.o --freeze-all --set cfg.mode=MODE_ALLOW_LISTED
# Values from files, and from the command line on top.
printf '# the agent\n\nkernel_version = KERNEL_VERSION(6,1,0)\n' > values
bpfold fold examples/kernel_version.bpf.o -o a.o --values values --set max_args=2
bpfold fold examples/kernel_version.bpf.o -o b.o --set kernel_version=0x60100 --set max_args=0b10
cmp a.o b.o
# For machines.
bpfold fold examples/kernel_version.bpf.o -o out.o --set kernel_version=0 --format json
# Which pass did it: stop after so many steps, and show what a pass left.
bpfold fold examples/kernel_version.bpf.o -o out.o --set kernel_version=0 --bisect 0
bpfold fold examples/kernel_version.bpf.o -o out.o --set kernel_version=0 --bisect 1 --print-after all --verify-each
bpfold fold examples/kernel_version.bpf.o -o out.o --set kernel_version=0 --print-after gvn
