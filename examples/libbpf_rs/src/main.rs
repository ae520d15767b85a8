//! Loads what `build.rs` has folded. It attaches nothing.

use std::error::Error;
use std::mem::MaybeUninit;

use libbpf_rs::MapCore;
use libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};

#[allow(clippy::all, missing_docs, reason = "generated")]
mod skeleton {
    include!(concat!(env!("OUT_DIR"), "/trace_agent.bpf.skel.rs"));
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut object = MaybeUninit::uninit();
    let mut open = skeleton::TraceAgentSkelBuilder::default().open(&mut object)?;
    open.maps.starts.set_max_entries(64)?;
    let agent = open.load()?;
    for program in agent.object().progs() {
        println!("program {}: {} instructions", program.name().display(), program.insn_cnt());
    }
    for map in agent.object().maps() {
        println!("map {}: {} entries", map.name().display(), map.max_entries());
    }
    Ok(())
}
