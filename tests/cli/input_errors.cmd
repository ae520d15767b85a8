# Bad input: exit code 1, with the file and the place in it.
bpfold vars missing.o
bpfold vars examples
bpfold vars examples/agent.bpf.c
printf '' > empty.o; bpfold vars empty.o
head -c 40 examples/agent.bpf.o > cut.o; bpfold dump cut.o
head -c 6000 examples/agent.bpf.o > cut.o; bpfold fold cut.o -o out.o
bpfold dump /bin/sh
# The first section header's offset far outside.
cp objects/mini-clang14.o bad.o; printf '\377\377\377' | dd of=bad.o bs=1 seek=40 conv=notrunc status=none; bpfold fold bad.o -o out.o
# A jump to nowhere.
cp objects/mini-clang14.o bad.o; printf '\005\0\377\177\0\0\0\0' | dd of=bad.o bs=1 seek=64 conv=notrunc status=none; bpfold fold bad.o -o out.o
ls out.o
