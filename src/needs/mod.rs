//! What a loader or a kernel finds in an object without an instruction that names it.
//!
//! [`RULES`] says what, and where that is written. Liveness ([`prune`](crate::prune)) asks it for
//! what programs need beside what their code names ([`names`], [`types`]); before code is proven,
//! [`arena`] and [`replaced`] put back what the code itself must keep; the comparison of what is
//! written asks whether all of it is there ([`check`]).

mod arena;
pub(crate) mod check;
mod names;
mod refused;
mod refused_types;
mod replaced;
mod roots;
mod types;

pub(crate) use arena::{name_arenas, parts};
pub(crate) use names::{callbacks, is_found_by_name, is_section_found, needed_by_name};
pub(crate) use refused::{Gone, Refused, is_refused, mark as mark_refused, refused_place};
pub(crate) use refused_types::refused_types;
pub(crate) use replaced::{Property, lost_properties, put_back};
pub(crate) use roots::roots;
pub(crate) use types::add_types_of_tags;

/// What is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A map of this name.
    Map,
    /// The function that a declaration tag with this prefix names.
    FunctionOfTag,
    /// The type that a declaration tag with this prefix names.
    TypeOfTag,
    /// A read-only variable whose name begins so.
    Variable,
    /// A section of this name.
    Section,
    /// The map of a type that data in a section of this name belongs to, or that casts need.
    MapOfType,
    /// Calls from which kernels conclude what a function does, dead ones included.
    Property,
}

/// What needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum User {
    /// Programs of these kinds of sections, and those that named it when the object was read.
    Sections(&'static [&'static str]),
    /// Programs that named it when the object was read: the host looks it up, unless the user says
    /// that the host needs no map (`--prune-maps`).
    Named,
    /// The function or type that has the tag.
    Tagged,
    /// Data of the section, and programs with `addr_space_cast`.
    Casts,
    /// Global functions.
    Replaceable,
    /// The object.
    Object,
}

/// A rule by which something is found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    /// What is found.
    pub found: Found,
    /// Its name, or how that begins.
    pub name: &'static str,
    /// What needs it.
    pub user: User,
    /// Who finds it, and where that is written.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the table of DESIGN.md"))]
    pub source: &'static str,
}

const fn rule(found: Found, name: &'static str, user: User, source: &'static str) -> Rule {
    Rule { found, name, user, source }
}

/// Sections whose programs libbpf attaches as USDT probes (`section_defs`).
const USDT: User = User::Sections(&["usdt", "usdt.s"]);

/// The rules that are known.
pub(crate) const RULES: &[Rule] = &[
    rule(Found::Map, "__bpf_usdt_specs", USDT, "libbpf usdt.c, usdt_manager_new"),
    rule(Found::Map, "__bpf_usdt_ip_to_spec_id", USDT, "libbpf usdt.c, usdt_manager_new"),
    rule(Found::Map, "AYA_LOGS", User::Named, "aya-log, EbpfLogger::init_with_logger"),
    rule(
        Found::Map,
        "AYA_LOG_BUF",
        User::Named,
        "programs of aya-log-ebpf with AYA_LOGS as perf events",
    ),
    rule(
        Found::FunctionOfTag,
        "exception_callback:",
        User::Tagged,
        "kernel/bpf/verifier.c, bpf_find_exception_callback_insn_off; \
         libbpf.c, bpf_prog_assign_exc_cb",
    ),
    rule(Found::TypeOfTag, "contains:", User::Tagged, "kernel/bpf/btf.c, btf_find_graph_root"),
    rule(
        Found::MapOfType,
        arena::SECTION,
        User::Casts,
        "kernel/bpf/verifier.c, check_alu_op; libbpf.c, bpf_object__init_user_btf_maps",
    ),
    rule(
        Found::Property,
        "changes packet data",
        User::Replaceable,
        "kernel/bpf/verifier.c, bpf_check_attach_target; net/core/filter.c, \
         bpf_helper_changes_pkt_data",
    ),
    rule(
        Found::Property,
        "might sleep",
        User::Replaceable,
        "kernel/bpf/verifier.c, bpf_check_attach_target",
    ),
    rule(
        Found::Variable,
        "bpf_metadata_",
        User::Object,
        "bpftool prog.c, show_prog_metadata; perf",
    ),
    rule(Found::Section, "license", User::Object, "libbpf.c, bpf_object__elf_collect"),
    rule(Found::Section, "version", User::Object, "libbpf.c, bpf_object__elf_collect"),
    rule(Found::Section, ".xdp_run_config", User::Object, "libxdp.c, xdp_program__parse_btf"),
    rule(Found::Section, "xdp_metadata", User::Object, "libxdp.c, check_dispatcher_version"),
];

/// The rules by which something of a kind is found.
pub(crate) fn rules(found: Found) -> impl Iterator<Item = &'static Rule> {
    RULES.iter().filter(move |rule| rule.found == found)
}

/// What stands behind the prefix of a rule of this kind.
fn behind_prefix(found: Found, text: &str) -> Option<&str> {
    rules(found).find_map(|rule| text.strip_prefix(rule.name))
}

#[cfg(test)]
mod tests {
    use super::RULES;

    /// DESIGN.md lists each rule with its source.
    #[test]
    fn rules_are_in_the_design() {
        let design = include_str!("../../DESIGN.md");
        let rows: Vec<&str> = design.lines().filter(|line| line.starts_with("| ")).collect();
        for rule in RULES {
            let cells = [format!("`{}`", rule.name), format!("| {} |", rule.source)];
            let is_row = |row: &&&str| cells.iter().all(|cell| row.contains(cell));
            assert!(rows.iter().any(|row| is_row(&row)), "{rule:?} is not in DESIGN.md");
        }
    }
}
