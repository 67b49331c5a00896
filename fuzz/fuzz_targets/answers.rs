#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| breezeway_fuzz::fuzzing::answers::run(bytes));
