//! The table against the kernel's own header, where the machine has one.

use super::*;
use std::path::Path;

/// What an optimiser must never get wrong, whatever the header says.
#[test]
fn effects_that_passes_rely_on() {
    let get = |name| Helper::by_name(name).unwrap();
    assert!(get("bpf_tail_call").tail_call);
    assert_eq!(get("bpf_trace_printk").arity(), 5);
    assert_eq!(get("bpf_ktime_get_ns").arity(), 0);
    assert_eq!(
        get("bpf_probe_read_kernel").args[2],
        Arg::Memory { access: Access::Probe, extent: Extent::Arg(2) },
        "a frame can be the source"
    );
    assert!(get("bpf_loop").takes_callback());
    assert_eq!(get("bpf_sys_bpf").indirect, Indirect::ReadsWrites);
}

#[test]
fn numbers_are_positions() {
    for (index, helper) in Helper::all().enumerate() {
        assert_eq!(helper.number, index as i32 + 1, "{}", helper.name);
        assert_eq!(Helper::get(helper.number), Some(helper));
        assert_eq!(Helper::by_name(helper.name), Some(helper));
        assert!(helper.arity() <= 5, "{}", helper.name);
    }
    assert_eq!(Helper::get(0), None);
    assert_eq!(Helper::get(-1), None);
    assert_eq!(Helper::get(i32::MIN), None);
    assert_eq!(Helper::get(Helper::all().len() as i32 + 1), None);
}

#[test]
fn sizes_name_scalar_arguments() {
    for helper in Helper::all() {
        for arg in helper.args {
            if let Arg::Memory { extent: Extent::Arg(size), .. } = arg {
                assert_eq!(helper.args[usize::from(*size) - 1], Arg::Scalar, "{}", helper.name);
            }
        }
        let callbacks = helper.args.iter().filter(|a| **a == Arg::Callback).count();
        let contexts = helper.args.iter().filter(|a| **a == Arg::CallbackCtx).count();
        assert!(contexts <= callbacks && callbacks <= 1, "{}", helper.name);
    }
}

#[test]
fn versions_never_decrease() {
    for (older, newer) in Helper::all().zip(Helper::all().skip(1)) {
        assert!(older.since <= newer.since, "{} {}", older.name, newer.name);
    }
}

#[test]
fn named_constants_are_right() {
    let name = |number| Helper::get(number).unwrap().name;
    assert_eq!(name(Helper::MAP_LOOKUP_ELEM), "bpf_map_lookup_elem");
    assert_eq!(name(Helper::MAP_UPDATE_ELEM), "bpf_map_update_elem");
    assert_eq!(name(Helper::TAIL_CALL), "bpf_tail_call");
    assert_eq!(name(Helper::FOR_EACH_MAP_ELEM), "bpf_for_each_map_elem");
    assert_eq!(name(Helper::FIND_VMA), "bpf_find_vma");
    assert_eq!(name(Helper::LOOP), "bpf_loop");
    assert_eq!(name(Helper::USER_RINGBUF_DRAIN), "bpf_user_ringbuf_drain");
}

/// `BPFOLD_UAPI_BPF_H` names another header than that of the system.
fn header() -> Option<String> {
    let path = std::env::var("BPFOLD_UAPI_BPF_H").unwrap_or("/usr/include/linux/bpf.h".into());
    let path = Path::new(&path);
    if !path.exists() {
        eprintln!("skipped: no {}", path.display());
        return None;
    }
    Some(std::fs::read_to_string(path).unwrap())
}

/// Names in the order of `___BPF_FUNC_MAPPER`, the first being number 0. Newer headers have
/// the number as a second argument.
fn mapper(header: &str) -> Vec<(String, i32)> {
    let start =
        header.find("#define ___BPF_FUNC_MAPPER(").or(header.find("#define __BPF_FUNC_MAPPER("));
    let lines = header[start.unwrap()..].lines().skip(1);
    lines
        .map_while(|line| line.trim().strip_prefix("FN("))
        .enumerate()
        .map(|(index, line)| {
            let fields: Vec<&str> = line.split([',', ')']).map(str::trim).collect();
            let number = fields[1].parse().unwrap_or(index as i32);
            (format!("bpf_{}", fields[0]), number)
        })
        .collect()
}

/// The prototypes in the header's comment: name and parameter declarations.
fn prototypes(header: &str) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for line in header.lines() {
        let Some(line) = line.strip_prefix(" * ") else { continue };
        let Some((before, rest)) = line.split_once('(') else { continue };
        let name = before.rsplit([' ', '*']).next().unwrap();
        let declared =
            before.len() > name.len() && !before.contains("**") && !before.contains('\t');
        let Some(params) = rest.trim_end().strip_suffix(')') else { continue };
        if declared && name.starts_with("bpf_") && Helper::by_name(name).is_some() {
            let params = params.split(',').map(|p| p.trim().to_owned());
            found.push((name.to_owned(), params.filter(|p| p != "void").collect()));
        }
    }
    found
}

#[test]
fn agrees_with_the_mapper_of_the_uapi_header() {
    let Some(header) = header() else { return };
    let mapper = mapper(&header);
    assert!(mapper.len() > 100, "{}", mapper.len());
    for (name, number) in mapper.iter().filter(|(_, number)| *number != 0) {
        assert_eq!(Helper::get(*number).map(|h| h.name), Some(name.as_str()), "{number}");
    }
}

#[test]
fn agrees_with_the_prototypes_of_the_uapi_header() {
    let Some(header) = header() else { return };
    let prototypes = prototypes(&header);
    assert!(prototypes.len() > 190, "{}", prototypes.len());
    for (name, params) in prototypes {
        let helper = Helper::by_name(&name).unwrap();
        if params.last().is_some_and(|p| p == "...") {
            assert_eq!(helper.args.last(), Some(&Arg::Variadic), "{name}");
            continue;
        }
        assert_eq!(helper.arity(), params.len(), "{name}");
        for (arg, param) in helper.args.iter().zip(&params) {
            let pointer = param.contains('*');
            match arg {
                Arg::Scalar => assert!(
                    !pointer
                        || param.contains("user_ptr")
                        || param.contains("unsafe_ptr")
                        || name == "bpf_probe_write_user",
                    "{name}: {param}"
                ),
                Arg::Memory { access, .. } => {
                    assert!(pointer, "{name}: {param}");
                    assert!(!param.starts_with("const ") || !access.writes(), "{name}: {param}");
                }
                Arg::Ctx | Arg::Map | Arg::Object | Arg::Callback | Arg::CallbackCtx => {
                    assert!(pointer, "{name}: {param}");
                }
                Arg::Variadic => panic!("{name} is not variadic"),
            }
        }
    }
}
