# The mark of the source, and its description.
bpfold vars examples/portable.bpf.o
# What is known of the kernel folds; what is not known stays.
bpfold fold examples/portable.bpf.o -o out.o --kernel 6.1.192 --freeze-marked
bpfold vars out.o
bpfold fold out.o -o again.o --kernel 5.10
# A helper that the kernel lacks, in code that stays.
printf 'CONFIG_HZ=250\nCONFIG_BPF_LSM=m\n' | gzip > config.gz
bpfold fold examples/portable.bpf.o -o out.o --kernel 5.10.262 --kconfig config.gz --set kernel_version=0x60100
# Symbols of the kernel.
printf 'ffffffff81000000 T bpf_mem_alloc_init\n' > kallsyms
bpfold fold examples/portable.bpf.o -o out.o --kallsyms kallsyms --verbose
# Facts that are not right.
bpfold fold examples/portable.bpf.o -o out.o --kernel six
printf 'CONFIG_HZ=y\n' > config
bpfold fold examples/portable.bpf.o -o out.o --kconfig config
bpfold fold examples/portable.bpf.o -o out.o --btf config
bpfold fold examples/portable.bpf.o -o out.o --kallsyms config
bpfold fold examples/xdp_filter.bpf.o -o out.o --freeze-marked
