# Constants of dead code go, and those of live code move.
bpfold dump objects/constants-el.o | grep -A 4 'section .rodata readonly'
bpfold fold objects/constants-el.o -o out.o --freeze-all | grep '^cut'
bpfold fold objects/constants-el.o -o out.o --freeze-all --verbose | grep -A 6 '^cut'
bpfold dump out.o | grep -A 2 'section .rodata readonly'
# The layout stays while a variable can be set, and if the user says so.
bpfold fold objects/constants-el.o -o out.o --freeze debug | grep '^cut'
bpfold fold objects/constants-el.o -o out.o --freeze-all --keep-map '.rodata*' | grep -c '^cut'
