# Values that change nothing are told, and accesses outside of sections; --deny makes them errors.
bpfold fold objects/effects-clang19.o -o out.o --set unused=1 --set deny=1 --set table[2]=9
bpfold fold objects/outside-clang19.o -o outside.o --set kind=1 | grep warning
bpfold fold objects/outside-clang19.o -o outside.o --set kind=4 --format json | grep -A 18 out-of-bounds
rm -f out.o; bpfold fold objects/effects-clang19.o -o out.o --set unused=1 --deny no-effect; ls out.o
bpfold fold objects/effects-clang19.o -o out.o --set unused=1 --set deny=1 --deny all
bpfold fold objects/effects-clang19.o -o out.o --set unused=1 --deny out-of-bounds > /dev/null && ls out.o
bpfold fold objects/effects-clang19.o -o out.o --deny everything
