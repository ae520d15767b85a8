//! Folds the object with the values of a file, and makes a skeleton of what is left.

use std::{env, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=values.txt");
    let object = bpfold::Object::parse(&fs::read("../trace_agent.bpf.o")?)?;
    let mut fold = bpfold::Fold::new(&object)?.freeze_all();
    let values = fs::read_to_string("values.txt")?;
    for (name, value) in values.lines().filter_map(|line| line.split_once('=')) {
        fold = fold.set(name.trim(), value.trim())?;
    }
    let folded = PathBuf::from(env::var("OUT_DIR")?).join("trace_agent.bpf.o");
    fs::write(&folded, fold.run()?.bytes)?;
    libbpf_cargo::SkeletonBuilder::new().obj(&folded).generate(folded.with_extension("skel.rs"))?;
    Ok(())
}
