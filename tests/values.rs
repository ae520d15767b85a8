//! Values in every form that the command and files of values take, for both byte orders.

#![allow(clippy::unwrap_used, clippy::panic)]

use bpfold::values::{self, Format};
use bpfold::variables::VariableError;
use bpfold::{Error, Fold, Object};

const OBJECTS: [(&str, bool); 2] =
    [("tests/objects/values.el.o", true), ("tests/objects/values.eb.o", false)];

/// The bytes that a variable has after its value was set.
fn bytes(object: &Object, path: &str, value: &str) -> Vec<u8> {
    let fold = Fold::new(object).unwrap();
    let fold = fold.set(path, value).unwrap_or_else(|error| panic!("{path}={value}: {error}"));
    let variables = fold.variables();
    let row = variables.iter().zip(variables.rows());
    let (variable, _) = row.into_iter().find(|(variable, _)| variable.name == path).unwrap();
    let section = variables.finality_of(variable.section_at).unwrap();
    section.bytes[variable.offset as usize..(variable.offset + variable.size) as usize].to_vec()
}

fn refused(object: &Object, path: &str, value: &str) -> String {
    match Fold::new(object).unwrap().set(path, value) {
        Ok(_) => panic!("{path}={value} is taken"),
        Err(error) => error.to_string(),
    }
}

fn on_both(test: impl Fn(&Object, bool)) {
    for (path, little) in OBJECTS {
        test(&Object::parse(&std::fs::read(path).unwrap()).unwrap(), little);
    }
}

#[test]
fn constant_expressions() {
    on_both(|object, little| {
        let number = |path: &str, value: &str| {
            let mut bytes = bytes(object, path, value);
            if little {
                bytes.reverse();
            }
            bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
        };
        for (path, value, expected) in [
            ("wide", "1<<40", 1 << 40),
            ("wide", "1 << 2 + 1", 8),
            ("wide", "1 | 2 ^ 3 & 2", 1),
            ("wide", "6 & 3 == 0 ", u64::MAX),
            ("wide", "2 + 3 * 4 - 10 / 3 % 2", 13),
            ("wide", "(2 + 3) * 4", 20),
            ("wide", "~0", u64::MAX),
            ("wide", "~0 & ~(1 << 3)", !8),
            ("address", "~0", 0xffff_ffff),
            ("small", "~0x0f", 0xf0),
            ("port", "0xffff >> 4", 0x0fff),
            ("offset", "-(1 << 62) - 1", !(1_u64 << 62)),
            ("kernel_version", "6.1.192", 0x0601c0),
            ("kernel_version", "v5.10", 0x050a00),
            ("kernel_version", "5.10.300", 0x050aff),
            ("kernel_version", "v6.1 + 1", 0x060101),
            ("kernel_version", "KERNEL_VERSION(5, 10, 3) | 0", 0x050a03),
            ("flags", "FLAG_A|FLAG_C", 9),
            ("wide", "FLAG_A | MODE_SAFE << 8", 0x901),
            ("enabled", "MODE_OFF", 0),
            ("mode", "MODE_FAST", 5),
            ("small", "'a' + 1", 98),
        ] {
            if value.contains("==") {
                assert!(refused(object, path, value).contains("expected"), "{value}");
                continue;
            }
            assert_eq!(number(path, value), expected, "{path}={value}");
        }
    });
}

#[test]
fn numbers_in_network_order() {
    on_both(|object, _| {
        for (path, value, expected) in [
            ("port", "htons(80)", vec![0, 80]),
            ("port", "bpf_htons(0x1234)", vec![0x12, 0x34]),
            ("port", "__constant_htons(1 << 8)", vec![1, 0]),
            ("address", "htonl(0x0a000001)", vec![10, 0, 0, 1]),
            ("wide", "cpu_to_be64(1)", vec![0, 0, 0, 0, 0, 0, 0, 1]),
            ("address", "10.0.0.1", vec![10, 0, 0, 1]),
            ("address_bytes", "192.168.1.2", vec![192, 168, 1, 2]),
            ("mac", "02:42:ac:11:00:02", vec![2, 0x42, 0xac, 0x11, 0, 2]),
            ("address6", "::1", [[0; 15].as_slice(), &[1]].concat()),
            ("server", "2001:db8::5", {
                [[0x20, 1, 0xd, 0xb8].as_slice(), &[0; 11], &[5]].concat()
            }),
        ] {
            assert_eq!(bytes(object, path, value), expected, "{path}={value}");
        }
    });
}

#[test]
fn words_for_arrays_of_char() {
    on_both(|object, _| {
        let text = |value: &str| {
            let bytes = bytes(object, "name", value);
            String::from_utf8(bytes).unwrap().trim_end_matches('\0').to_owned()
        };
        for (value, expected) in [
            ("wlan0", "wlan0"),
            ("eth0.100", "eth0.100"),
            ("10.0.0.1", "10.0.0.1"),
            ("/var/run", "/var/run"),
            ("a b", "a b"),
            ("\"quoted\"", "quoted"),
            ("{'h', 'i'}", "hi"),
        ] {
            assert_eq!(text(value), expected);
        }
        let config = "{.peers = {{.name = left, .mac = 1:2:3:4:5:6}}}";
        assert!(refused(object, "cfg", config).contains("expected"));
        let config = "{.peers = {{.name = left, .port = htons(1)}, {.name = r-2}}, .mode = 9}";
        let fold = Fold::new(object).unwrap().set("cfg", config).unwrap();
        let name = |path| fold.variables().value(path).unwrap().to_string();
        assert_eq!(name("cfg.peers[0].name"), "\"left\"");
        assert_eq!(name("cfg.peers[1].name"), "\"r-2\"");
        assert!(refused(object, "name", "more than sixteen").contains("17 characters"));
    });
}

#[test]
fn what_does_not_fit_is_refused_with_the_cure() {
    on_both(|object, _| {
        for (path, value, part) in [
            ("small", "~0x1ff", "out of range"),
            ("small", "256", "0 to 255"),
            ("port", "htons(65536)", "0 to 65535"),
            ("wide", "1 / (1 - 1)", "divisor that is not 0"),
            ("wide", "1 << 200", "127 bits"),
            ("wide", "(1", "`)`"),
            ("wide", "1 +", "an integer"),
            ("wide", "1 2", "the end of the value"),
            ("wide", "10.0.0.1", "IPv4 addresses have 4"),
            ("port", "::1", "IPv6 addresses have 16"),
            ("address", "02:42:ac:11:00:02", "MAC addresses have 6"),
            ("enabled", "0.0.0.1", "IPv4 addresses have 4"),
            ("address", "10.0.0.256", "four numbers up to 255"),
            ("kernel_version", "6.300.1", "a version whose parts"),
            ("enabled", "yes", "`yes` is `true`"),
            ("enabled", "Off", "`Off` is `false`"),
            ("enabled", "2", "0 to 1"),
            ("mode", "MODE_FASTER", "did you mean one of `MODE_FAST`"),
            ("nports", "4", "did you mean one of `cfg.limits.nports`"),
            ("limits", "{}", "did you mean `cfg.limits`"),
        ] {
            let error = refused(object, path, value);
            assert!(error.contains(part), "{path}={value}: {error}");
        }
    });
}

#[test]
fn the_three_forms_of_files_say_the_same() {
    let lines = "# all\ncfg.mode = MODE_SAFE\ncfg.peers = {  # both\n  {.name = left, .mac = \
                 01:02:03:04:05:06},\n  {.port = htons(80)}\n}\nname = wlan0  # a word\n\
                 enabled = true\nwide = 0xffffffffffffffff\n";
    let toml = "name = \"wlan0\"\nenabled = true\nwide = \"0xffffffffffffffff\"\n[cfg]\nmode = \
                \"MODE_SAFE\"\npeers = [{ name = \"left\", mac = \"01:02:03:04:05:06\" }, { port = \
                \"htons(80)\" }]\n";
    let json = r#"{"name": "wlan0", "enabled": true, "wide": 18446744073709551615, "cfg":
        {"mode": "MODE_SAFE", "peers": [{"name": "left", "mac": "01:02:03:04:05:06"},
        {"port": "htons(80)"}]}}"#;
    on_both(|object, _| {
        let folded = [(lines, Format::Lines), (toml, Format::Toml), (json, Format::Json)].map(
            |(text, format)| {
                let mut fold = Fold::new(object).unwrap();
                for value in values::parse(text, format).unwrap() {
                    let text = value.text(fold.variables());
                    fold = fold.assign(&value.name, &text, "test").unwrap();
                }
                let rows = fold.variables().rows();
                rows.into_iter().map(|row| (row.value, row.finality)).collect::<Vec<_>>()
            },
        );
        assert_eq!(folded[0], folded[1]);
        assert_eq!(folded[0], folded[2]);
    });
}

#[test]
fn later_values_override_earlier_ones() {
    on_both(|object, _| {
        let fold = Fold::new(object).unwrap();
        let fold = fold.assign("cfg", "{.mode = MODE_FAST, .address = 1}", "one").unwrap();
        let fold = fold.assign("cfg.address", "2", "two").unwrap();
        let fold = fold.assign("cfg.address", "2", "again").unwrap();
        let value = |path| fold.variables().value(path).unwrap().to_string();
        assert_eq!((value("cfg.mode"), value("cfg.address")), ("MODE_FAST".into(), "2".into()));
        let report = fold.run().unwrap().report;
        let told: Vec<String> = report.notes.iter().map(ToString::to_string).collect();
        let overrides: Vec<&String> = told.iter().filter(|note| note.contains("overrid")).collect();
        assert_eq!(
            overrides,
            [
                "cfg.address is 2 (two), which overrides cfg = {.mode = MODE_FAST, .address = 1} (one)"
            ]
        );
        // What the library sets for good stays an error.
        let fold = Fold::new(object).unwrap().set("small", "1").unwrap();
        let error = fold.assign("small", "2", "later").unwrap_err();
        assert!(matches!(error, Error::Variable(VariableError::Conflict { .. })), "{error}");
    });
}

#[test]
fn patterns_freeze_members() {
    on_both(|object, _| {
        let frozen = |pattern: &str| {
            let fold = Fold::new(object).unwrap().freeze(pattern).unwrap();
            let variables = fold.variables();
            let cfg = variables.iter().find(|variable| variable.name == "cfg").unwrap();
            variables.final_members(cfg)
        };
        assert_eq!(frozen("cfg.limits.*"), ["cfg.limits.nports", "cfg.limits.strict"]);
        assert_eq!(frozen("*.nports"), ["cfg.limits.nports"]);
        assert_eq!(frozen("cfg.peers[*].port"), ["cfg.peers[0].port", "cfg.peers[1].port"]);
        assert_eq!(frozen("cfg.m*"), ["cfg.mode"]);
        assert_eq!(frozen("small*").len(), 0);
        let error = Fold::new(object).unwrap().freeze("cfg.x*").unwrap_err();
        assert!(error.to_string().contains("matches `cfg.x*`"), "{error}");
    });
}

#[test]
fn missing_names_are_left_out_if_asked() {
    on_both(|object, _| {
        let fold = Fold::new(object).unwrap().ignore_missing(true);
        let fold = fold.assign("not_there", "1", "values:3").unwrap();
        let fold = fold.assign("cfg.not_there", "1", "values:4").unwrap();
        let fold = fold.freeze("nothing*").unwrap();
        // What is there must fit all the same.
        assert!(fold.clone().assign("small", "256", "values:5").is_err());
        let report = fold.run().unwrap().report;
        let told: Vec<String> = report.notes.iter().map(ToString::to_string).collect();
        for name in ["not_there, which values:3 names", "cfg.not_there", "nothing*"] {
            assert!(told.iter().any(|note| note.contains(name)), "{name}: {told:?}");
        }
    });
}

#[test]
fn numbers_that_are_no_enumerators_are_told() {
    on_both(|object, _| {
        let odd = |path: &str, value: &str| {
            let fold = Fold::new(object).unwrap().assign(path, value, "--set").unwrap();
            let notes = fold.run().unwrap().report.notes;
            notes.iter().filter(|note| note.warning() == Some("enum-range")).count()
        };
        assert_eq!(odd("mode", "7"), 1);
        assert_eq!(odd("cfg", "{.mode = 3}"), 1);
        assert_eq!(odd("flags", "4"), 1);
        assert_eq!(odd("mode", "5"), 0);
        assert_eq!(odd("flags", "FLAG_A | FLAG_B"), 0);
        assert_eq!(odd("small", "7"), 0);
    });
}
