# What decides branches is resolved; offsets are left to the loader.
bpfold fold objects/core.o -o out.o --btf objects/core-target-new.o --entry branch --entry kinds --verbose
# What was asked of the types is recorded: those that answer otherwise are refused.
bpfold fold objects/core.o -o once.o --btf objects/core-target-new.o --entry branch > /dev/null
bpfold vars once.o
bpfold fold once.o -o twice.o --btf objects/core-target-new.o > /dev/null; cmp once.o twice.o
bpfold fold once.o -o twice.o --btf objects/core-target-old.o
bpfold fold once.o -o all.o --btf objects/core-target-new.o --core all > /dev/null
bpfold vars all.o
bpfold fold all.o -o twice.o --btf objects/core-target-two.o
# All that the target can tell.
bpfold fold objects/core.o -o out.o --btf objects/core-target-old.o --core all --entry branch
bpfold fold objects/core.o -o out.o --btf objects/core-target-old.o --core all --entry branch --format json | grep -A12 '"core"'
# What live code needs and the target lacks.
bpfold fold objects/core.o -o out.o --btf objects/core-target-new.o --core all
# The other byte order, and no types at all.
bpfold fold objects/core.o -o out.o --btf objects/core-target-be.o
bpfold fold objects/core.o -o out.o --core all
bpfold fold objects/core.o -o out.o --btf objects/core-target-new.o --core none
