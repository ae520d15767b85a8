//! Comparing what programs answered before and after.
//!
//! Programs read clocks, random numbers and addresses. So the original is run more than once,
//! and only what was the same each time is compared with the folded object's answer.

use crate::maps::MapContents;
use crate::run::ProgramRun;

/// What differs between `after` and all of `before`; nothing if it is within what differs among
/// the latter.
pub fn differences(before: &[&ProgramRun], after: &ProgramRun) -> Vec<String> {
    let mut found = Vec::new();
    for (at, ran) in after.runs.iter().enumerate() {
        let known: Vec<_> = before.iter().filter_map(|run| run.runs.get(at)).collect();
        let mut numbers = |what: &str, value: u64, known: Vec<u64>| {
            if let Some(known) = agreed(&known)
                && *known != value
            {
                found.push(format!("packet {at}: {what} {known:#x}, then {value:#x}"));
            }
        };
        let of = |part: fn(&crate::run::Ran) -> u64| known.iter().map(|ran| part(ran)).collect();
        numbers("errno", ran.errno as u64, of(|ran| ran.errno as u64));
        numbers("result", ran.result.into(), of(|ran| ran.result.into()));
        for (what, part) in [
            ("data", (|ran| &ran.data) as fn(&crate::run::Ran) -> &Vec<u8>),
            ("context", |ran| &ran.context),
        ] {
            let known: Vec<&[u8]> = known.iter().map(|ran| part(ran).as_slice()).collect();
            if let Some(problem) = bytes(&known, part(ran)) {
                found.push(format!("packet {at}: {what}: {problem}"));
            }
        }
    }
    for map in &after.maps {
        let known: Vec<&MapContents> = before
            .iter()
            .filter_map(|run| run.maps.iter().find(|known| known.name == map.name))
            .collect();
        if known.len() == before.len() {
            found.extend(contents(&known, map).map(|what| format!("map {}: {what}", map.name)));
        }
    }
    found
}

/// The value that all have.
fn agreed<T: PartialEq>(values: &[T]) -> Option<&T> {
    let (first, rest) = values.split_first()?;
    rest.iter().all(|value| value == first).then_some(first)
}

/// How bytes differ from those that are the same in all of `known`.
fn bytes(known: &[&[u8]], after: &[u8]) -> Option<String> {
    let lengths: Vec<usize> = known.iter().map(|bytes| bytes.len()).collect();
    let length = *agreed(&lengths)?;
    if length != after.len() {
        return Some(format!("{length} bytes, then {}", after.len()));
    }
    let at = (0..length).find(|at| {
        let values: Vec<u8> = known.iter().map(|bytes| bytes[*at]).collect();
        agreed(&values).is_some_and(|value| *value != after[*at])
    })?;
    Some(format!("byte {at} is {:#x}, then {:#x}", known[0][at], after[at]))
}

fn contents(known: &[&MapContents], after: &MapContents) -> Option<String> {
    let keys = |map: &MapContents| -> Vec<Vec<u8>> {
        map.entries.iter().map(|(key, _)| key.clone()).collect()
    };
    let all: Vec<_> = known.iter().map(|map| keys(map)).collect();
    let same = agreed(&all)?;
    if *same != keys(after) {
        return Some(format!("{} keys, then {} or others", same.len(), after.entries.len()));
    }
    after.entries.iter().enumerate().find_map(|(at, (key, value))| {
        let known: Vec<&[u8]> = known.iter().map(|map| map.entries[at].1.as_slice()).collect();
        bytes(&known, value).map(|problem| format!("key {key:02x?}: {problem}"))
    })
}

#[cfg(test)]
mod tests {
    use crate::maps::MapContents;
    use crate::run::{ProgramRun, Ran};

    use super::differences;

    fn run(result: u32, data: &[u8], value: &[u8]) -> ProgramRun {
        let ran = Ran { errno: 0, result, data: data.to_vec(), context: Vec::new() };
        let entries = vec![(vec![0], value.to_vec())];
        let maps = vec![MapContents { name: "counts".to_owned(), entries }];
        ProgramRun { runs: vec![ran], maps }
    }

    #[test]
    fn what_differs_from_run_to_run_does_not_count() {
        let (first, second) = (run(1, &[1, 7], &[5]), run(1, &[1, 8], &[6]));
        assert!(differences(&[&first, &second], &run(1, &[1, 9], &[7])).is_empty());
    }

    #[test]
    fn what_is_the_same_each_time_counts() {
        let (first, second) = (run(1, &[1, 7], &[5, 5]), run(1, &[1, 8], &[5, 6]));
        let found = differences(&[&first, &second], &run(2, &[2, 9], &[4, 7]));
        assert_eq!(
            found,
            [
                "packet 0: result 0x1, then 0x2",
                "packet 0: data: byte 0 is 0x1, then 0x2",
                "map counts: key [00]: byte 0 is 0x5, then 0x4",
            ]
        );
    }
}
