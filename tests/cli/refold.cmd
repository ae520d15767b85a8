# Folding twice is folding once; other values than those of the first fold are refused.
bpfold fold examples/kernel_version.bpf.o -o once.o --set kernel_version=0x60100
bpfold fold once.o -o twice.o
cmp once.o twice.o
bpfold fold once.o -o twice.o --set kernel_version=0x60100
cmp once.o twice.o
bpfold fold once.o -o twice.o --set kernel_version=0x50a00
# What is still open can be folded later, as if at once.
bpfold fold once.o -o later.o --set max_args=3 > /dev/null
bpfold fold examples/kernel_version.bpf.o -o together.o --set kernel_version=0x60100 --set max_args=3 > /dev/null
bpfold dump later.o > later; bpfold dump together.o > together; diff later together
# The same value in other words, and a member of what was frozen as a whole.
bpfold fold once.o -o twice.o --set kernel_version='KERNEL_VERSION(6,1,0)' > /dev/null; cmp once.o twice.o
bpfold fold examples/xdp_filter.bpf.o -o frozen.o --freeze-all > /dev/null
bpfold fold frozen.o -o twice.o --set cfg.mode=MODE_DENY_LISTED > /dev/null; cmp frozen.o twice.o
bpfold fold frozen.o -o twice.o --set cfg.mode=MODE_PASS_ALL
bpfold fold frozen.o -o twice.o --set cfg.nothing=1
