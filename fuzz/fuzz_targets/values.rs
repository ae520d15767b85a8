#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| bpfold_fuzz::bounded(bpfold::fuzzing::values::check, data));
