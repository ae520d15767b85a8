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
