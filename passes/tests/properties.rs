//! Properties that hold for every program: random ones are made, run and compared.
//!
//! `BPFOLD_CASES` sets how many programs each property tries, `BPFOLD_SEED` the first seed,
//! `BPFOLD_INPUTS` on how many inputs each program runs.

use bpfold_passes::analysis::constants::Facts;
use bpfold_passes::analysis::section_reads::SectionReads;
use bpfold_passes::check;
use bpfold_passes::entity::{PerEntity, Section};
use bpfold_passes::interp::{self, Outcome};
use bpfold_passes::ir::{self, Program};
use bpfold_passes::isa::{self, Endian, RawInsn};
use bpfold_passes::pass::{self, Options};
use bpfold_passes::testing::{Case, Choices, FUEL};
use bpfold_passes::text::Printer;

/// Inputs that each program is run on.
fn inputs() -> u64 {
    number("BPFOLD_INPUTS", 6)
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn seeds(default_cases: u64) -> impl Iterator<Item = u64> {
    let first = number("BPFOLD_SEED", 0);
    first..first + number("BPFOLD_CASES", default_cases)
}

fn print(program: &Program) -> String {
    let printer = Printer::new(program);
    program.funcs.keys().map(|func| printer.function(func).to_string()).collect()
}

/// Runs a program before and after `rewrite` on several inputs; says where they differ.
fn check_rewrite(seed: u64, case: &Case, rewrite: impl FnOnce(&mut Program)) -> Result<(), String> {
    let mut rewritten = case.program.clone();
    rewrite(&mut rewritten);
    for input_seed in 0..inputs() {
        let input = case.input(seed.wrapping_mul(inputs()).wrapping_add(input_seed));
        let before = interp::run(&case.program, case.entry, &input, FUEL);
        let after = interp::run(&rewritten, case.entry, &input, FUEL);
        if let Some(difference) = before.differs(&after) {
            return Err(format!(
                "seed {seed}, input {input_seed}:\n{difference}\noriginal:\n{}\nrewritten:\n{}",
                print(&case.program),
                print(&rewritten),
            ));
        }
    }
    Ok(())
}

#[test]
fn generated_programs_are_well_formed_and_complete() {
    let (mut runs, mut complete) = (0, 0);
    for seed in seeds(2000) {
        let case = Case::from_seed(seed);
        ir::verify(&case.program).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        for input_seed in 0..inputs() {
            let trace = interp::run(&case.program, case.entry, &case.input(input_seed), FUEL);
            runs += 1;
            complete += u64::from(trace.is_complete());
            if let Outcome::Fault { .. } = trace.outcome {
                panic!("seed {seed}, input {input_seed}: {trace}\n{}", print(&case.program));
            }
        }
    }
    assert!(complete * 100 >= runs * 99, "{complete} of {runs} runs ended");
}

/// Folding changes nothing that the outside can see.
#[test]
fn folding_keeps_behaviour() {
    let (mut cases, mut folded) = (0, 0);
    for seed in seeds(600) {
        cases += 1;
        check_rewrite(seed, &Case::from_seed(seed), |program| {
            let options = Options { verify_each: true, ..Options::default() };
            let log = pass::fold(program, &options);
            let log = log.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            folded += u32::from(!log.events.is_empty());
        })
        .unwrap_or_else(|error| panic!("{error}"));
    }
    assert!(folded * 4 > cases, "{folded} of {cases} programs gave something to fold");
}

/// Bytes of sections that code does not read, as [`SectionReads`] has it, can be any.
#[test]
fn bytes_that_are_not_read_do_not_matter() {
    let (mut sections, mut followed, mut changed, mut read) = (0, 0, 0_u64, 0_u64);
    for seed in seeds(2000) {
        let case = Case::from_seed(seed);
        let reads = SectionReads::new(&case.program);
        let unread = |id: Section| -> Vec<usize> {
            let len = case.program.sections[id].bytes.len();
            let is_read = |at: &usize| reads.of(id).iter().any(|r| r.bytes.contains(&(*at as u64)));
            (0..len).filter(|at| !reads.is_lost(id) && !is_read(at)).collect()
        };
        let unread: Vec<Vec<usize>> = case.program.sections.keys().map(unread).collect();
        for ((id, section), unread) in case.program.sections.iter().zip(&unread) {
            sections += 1;
            followed += u32::from(!reads.is_lost(id));
            changed += unread.len() as u64;
            read += (section.bytes.len() - unread.len()) as u64;
        }
        for input_seed in 0..inputs() {
            let input = case.input(seed.wrapping_mul(inputs()).wrapping_add(input_seed));
            let mut other = input.clone();
            for (bytes, unread) in other.sections.iter_mut().zip(&unread) {
                unread.iter().for_each(|at| bytes[*at] ^= 0x5a);
            }
            let before = interp::run(&case.program, case.entry, &input, FUEL);
            let after = interp::run(&case.program, case.entry, &other, FUEL);
            if let Some(difference) = before.differs(&after) {
                let text = print(&case.program);
                panic!("seed {seed}, input {input_seed}: {unread:?}\n{difference}\n{text}");
            }
        }
    }
    assert!(followed * 4 > sections && changed > 1000 && read > 1000, "{followed} of {sections}");
}

#[test]
fn runs_are_deterministic() {
    for seed in seeds(500) {
        check_rewrite(seed, &Case::from_seed(seed), |_| {}).unwrap_or_else(|e| panic!("{e}"));
    }
}

/// The oracle sees the smallest change: a program of which one instruction is dropped
/// behaves differently often enough.
#[test]
fn dropped_instructions_are_seen() {
    let (mut seen, mut tried) = (0, 0);
    for seed in seeds(200) {
        let case = Case::from_seed(seed);
        let func = &case.program.funcs[case.entry];
        let insts: Vec<_> = func.insts().filter(|(_, i)| !func.op(*i).is_terminator()).collect();
        let Some(&(block, dropped)) = insts.get(seed as usize % insts.len().max(1)) else {
            continue;
        };
        let mut changed = case.program.clone();
        changed.funcs[case.entry].retain_insts(block, |inst, _| inst != dropped);
        tried += 1;
        let differs = |input_seed| {
            let input = case.input(input_seed);
            let before = interp::run(&case.program, case.entry, &input, FUEL);
            before.differs(&interp::run(&changed, case.entry, &input, FUEL)).is_some()
        };
        seen += u64::from((0..inputs()).any(differs));
    }
    assert!(seen * 3 > tried, "{seen} of {tried} changes were seen");
}

/// What decodes encodes to the same bytes, in both byte orders.
#[test]
fn decoding_and_encoding_are_inverse() {
    let mut decoded = 0;
    for seed in seeds(200) {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        for _ in 0..1000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            // Most random words are no instruction: fields that must be zero often are here.
            let mask = [u64::MAX, 0xffff_0fff, 0xffff_ffff_0000_0fff, 0x00ff_00ff_0000_ffff];
            let word = state & mask[(state >> 62) as usize];
            for endian in [Endian::Little, Endian::Big] {
                let bytes = word.to_le_bytes();
                let raw = RawInsn::from_bytes(bytes, endian);
                assert_eq!(raw.to_bytes(endian), bytes);
                let second = RawInsn { imm: state as i32, ..RawInsn::default() };
                let Ok(op) = isa::decode(&[raw, second]) else { continue };
                decoded += 1;
                let encoded = isa::encode(&op).unwrap_or_else(|e| panic!("{op:?}: {e}"));
                let next = (op.slots() == 2).then_some(second.imm);
                assert_eq!(encoded, (raw, next), "{op:?}");
            }
        }
    }
    assert!(decoded > 1000, "{decoded} decoded");
}

#[test]
fn any_bytes_make_a_program() {
    for seed in seeds(300) {
        let bytes: Vec<u8> =
            (0..seed % 97).map(|i| (seed.wrapping_mul(i + 7) >> 3) as u8).collect();
        let case = Case::generate(Choices::from_bytes(&bytes));
        check_rewrite(seed, &case, |_| {}).unwrap_or_else(|error| panic!("{error}"));
    }
}

/// What is kept from before a program was changed is what would be found without it, but for few
/// functions that call one whose result changes on the way: bounds are widened by the order in
/// which it is entered.
#[test]
fn facts_that_are_kept_are_those_of_a_fresh_solution() {
    let mut solves = [0, 0];
    let (mut compared, mut differing) = (0, 0);
    for seed in seeds(400) {
        let case = Case::from_seed(seed);
        let roots = check::roots(&case.program);
        let levels = PerEntity::default();
        let mut before = Facts::new(&case.program, &roots, &levels);
        let mut program = case.program.clone();
        let mut steps = Vec::new();
        let options = Options { roots: Some(roots.clone()), ..Options::default() };
        pass::fold_watched(&mut program, &options, &mut |step| {
            steps.push(step.program.clone());
        })
        .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        // Attempts are given up, so that the counts of changes go back at times.
        for pair in steps.windows(2) {
            let [last, step] = pair else { continue };
            let edits = |program: &Program| -> Vec<u64> {
                program.funcs.values().map(|func| func.edits()).collect()
            };
            if edits(last).iter().zip(edits(step)).any(|(last, step)| step < *last) {
                break;
            }
            let fresh = Facts::new(step, &roots, &levels);
            let again = before.again(step, &roots, &levels);
            for func in step.funcs.keys() {
                compared += 1;
                differing += usize::from(fresh.func(func) != again.func(func));
            }
            solves = [solves[0] + again.solves(), solves[1] + fresh.solves()];
            before = again;
        }
    }
    assert!(3 * solves[0] < 2 * solves[1], "{solves:?}");
    assert!(100 * differing < compared, "{differing} of {compared}");
}
