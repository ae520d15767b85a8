# Names and values that are not right: exit code 1, and what would be.
bpfold fold examples/kernel_version.bpf.o -o out.o --set kernel_verison=1
bpfold fold examples/kernel_version.bpf.o -o out.o --set kernel_version=0x100000000
bpfold fold examples/kernel_version.bpf.o -o out.o --set kernel_version=-1
bpfold fold examples/kernel_version.bpf.o -o out.o --set kernel_version='"6.1"'
bpfold fold examples/kernel_version.bpf.o -o out.o --set kernel_version=6.1
bpfold fold examples/kernel_version.bpf.o -o out.o --set kernel_version=
bpfold fold examples/kernel_version.bpf.o -o out.o --set kernel_version=1 --set kernel_version=2
bpfold fold examples/kernel_version.bpf.o -o out.o --freeze 'kernelversion*'
bpfold fold examples/xdp_filter.bpf.o -o out.o --set cfg.mode=MODE_DENY
bpfold fold examples/xdp_filter.bpf.o -o out.o --set cfg.flags.ipv4=2
bpfold fold examples/xdp_filter.bpf.o -o out.o --set cfg.ports[4]=1
bpfold fold examples/xdp_filter.bpf.o -o out.o --set cfg.ports='{1,2,3,4,5}'
bpfold fold examples/xdp_filter.bpf.o -o out.o --set cfg.ifname='"a name that is too long"'
bpfold fold examples/xdp_filter.bpf.o -o out.o --set cfg.state=1
bpfold fold examples/xdp_filter.bpf.o -o out.o --set cfg.mode.x=1
bpfold fold examples/xdp_filter.bpf.o -o out.o --set cfg..mode=1
bpfold fold examples/callbacks.bpf.o -o out.o --set stages=1
# Values files name their lines.
bpfold fold examples/kernel_version.bpf.o -o out.o --values missing
printf 'max_args=1\n\nkernel_version\n' > values; bpfold fold examples/kernel_version.bpf.o -o out.o --values values
printf '# none\nkernel=1\n' > values; bpfold fold examples/kernel_version.bpf.o -o out.o --values values
ls out.o
