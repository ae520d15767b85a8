//! What kernels conclude of a global function from its calls, and ask of a program that is to
//! replace it.
//!
//! A replacement may change packet data, or sleep, only if the function does
//! (`bpf_check_attach_target` in kernel/bpf/verifier.c). Kernels look at all calls, dead ones
//! included, of the function and of what it calls (`merge_callee_effects`): a function that is
//! there to be replaced has a call just for that, behind a variable that is never true. If the call
//! went, the function would still load, and its replacements would not.
//!
//! Programs can be replaced, too. What they lose is not put back: that calls go which can not run
//! is what folding a program is for.

use super::arena::parts;
use crate::parts::ops;
use crate::passes::entity::{EntityVec, Func, PerEntity};
use crate::passes::helpers::Helper;
use crate::passes::ir::{Linkage, Op, Program};
use crate::passes::isa::Callee;
use crate::passes::pass::Level;

/// What a replacement may do only if the function does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Property {
    /// It moves or writes the packet.
    ChangesPacket,
    /// It waits.
    Sleeps,
}

impl Property {
    const ALL: [Property; 2] = [Property::ChangesPacket, Property::Sleeps];

    /// What the function does, as messages say it.
    pub fn text(self) -> &'static str {
        match self {
            Property::ChangesPacket => "changes packet data",
            Property::Sleeps => "might sleep",
        }
    }

    /// The helpers (`bpf_helper_changes_pkt_data` in net/core/filter.c, `might_sleep` of
    /// `struct bpf_func_proto`) and kernel functions (`is_kfunc_pkt_changing`, `KF_SLEEPABLE`).
    fn functions(self) -> &'static [&'static str] {
        match self {
            Property::ChangesPacket => &[
                "bpf_clone_redirect",
                "bpf_l3_csum_replace",
                "bpf_l4_csum_replace",
                "bpf_lwt_push_encap",
                "bpf_lwt_seg6_action",
                "bpf_lwt_seg6_adjust_srh",
                "bpf_lwt_seg6_store_bytes",
                "bpf_msg_pop_data",
                "bpf_msg_pull_data",
                "bpf_msg_push_data",
                "bpf_skb_adjust_room",
                "bpf_skb_change_head",
                "bpf_skb_change_proto",
                "bpf_skb_change_tail",
                "bpf_skb_pull_data",
                "bpf_skb_store_bytes",
                "bpf_skb_vlan_pop",
                "bpf_skb_vlan_push",
                "bpf_store_hdr_opt",
                "bpf_tail_call",
                "bpf_xdp_adjust_head",
                "bpf_xdp_adjust_meta",
                "bpf_xdp_adjust_tail",
                "bpf_xdp_pull_data",
            ],
            Property::Sleeps => &[
                "bpf_arena_alloc_pages",
                "bpf_arena_free_pages",
                "bpf_btf_find_by_name_kind",
                "bpf_copy_from_user",
                "bpf_copy_from_user_str",
                "bpf_copy_from_user_task",
                "bpf_copy_from_user_task_str",
                "bpf_crypto_ctx_create",
                "bpf_get_stack",
                "bpf_get_task_stack",
                "bpf_ima_file_hash",
                "bpf_ima_inode_hash",
                "bpf_lookup_user_key",
                "bpf_sys_bpf",
                "bpf_sys_close",
                "bpf_verify_pkcs7_signature",
            ],
        }
    }

    /// The functions that have it by what they call, directly or not.
    fn holders(self, program: &Program) -> EntityVec<Func, bool> {
        let calls = |op: Op| match op {
            Op::Call(Callee::Helper(number)) => {
                Helper::get(number).is_some_and(|helper| self.functions().contains(&helper.name))
            }
            Op::Call(Callee::Extern(ext)) => {
                self.functions().contains(&program.externs[ext].name.as_str())
            }
            _ => false,
        };
        let mut has: EntityVec<Func, bool> =
            program.funcs.values().map(|function| ops(function).any(calls)).collect();
        loop {
            let mut more = false;
            for (func, function) in program.funcs.iter() {
                let by_callee = |op| matches!(op, Op::Call(Callee::Func(callee)) if has[callee]);
                if !has[func] && ops(function).any(by_callee) {
                    has[func] = true;
                    more = true;
                }
            }
            if !more {
                return has;
            }
        }
    }
}

/// Has the functions that have lost something folded no more, nor what they call. Says whether
/// that changes anything.
pub(crate) fn put_back(
    original: &Program,
    lost: &[(Func, Property)],
    levels: &mut PerEntity<Func, Level>,
) -> bool {
    let mut changed = false;
    for func in lost.iter().flat_map(|(func, _)| parts(original, *func)) {
        changed |= std::mem::replace(&mut levels[func], Level::None) != Level::None;
    }
    changed
}

/// The global functions that have lost a property, and have code.
pub(crate) fn lost_properties(original: &Program, program: &Program) -> Vec<(Func, Property)> {
    let mut lost = Vec::new();
    for property in Property::ALL {
        let (before, after) = (property.holders(original), property.holders(program));
        let globals = program.funcs.iter().filter(|(_, function)| {
            function.linkage == Linkage::Global && ops(function).next().is_some()
        });
        let gone = globals.filter(|(func, _)| before[*func] && !after[*func]);
        lost.extend(gone.map(|(func, _)| (func, property)));
    }
    lost
}
