//! What people write and read: the text forms of quantities, ids and names, and what is said of text that can't be read.

use meros_types::names::NAME_BYTES_MAX;
use meros_types::{Attributes, Resources, Role, TASK_ID_BYTES_MAX, TaskId, parse_bytes, show_bytes, show_milli};

fn refusal(text: &str) -> String {
    Resources::parse(text).expect_err(text).to_string()
}

#[test]
fn resources_show_as_mesos_users_know_them() {
    let all =
        Resources::parse(" gpus:1; cpus:0.50 ;mem:1536MiB;disk:2GB;slots:3;ports:[31001-31005, 31000,80] ").expect("resources");
    assert_eq!(all.to_string(), "cpus:0.5;mem:1536MiB;disk:1953125KiB;gpus:1;slots:3;ports:[80-80,31000-31005]");
    assert_eq!((all.cpu_milli(), all.memory_bytes(), all.disk_bytes()), (500, 1536 << 20, 2_000_000_000));
    assert_eq!(Resources::none().to_string(), "");
    assert_eq!((show_milli(1_250), show_milli(3_000), show_milli(1)), ("1.25".into(), "3".into(), "0.001".into()));
    assert_eq!((show_bytes(0), show_bytes(1 << 50), show_bytes(1_000)), ("0B".into(), "1PiB".into(), "1000B".into()));
}

#[test]
fn bytes_need_a_unit_and_the_refusal_says_which_to_write() {
    assert_eq!(refusal("mem:64"), r#""64": a unit is missing: write 64MiB or 64GiB"#);
    assert!(refusal("cpus:1;disk:1000").contains("write 1000MiB or 1000GiB"));
    assert!(refusal("mem:64XB").contains("the unit is not one of B, KiB"));
    assert_eq!(parse_bytes("0"), Ok(0));
    assert_eq!(parse_bytes("1.5 gib"), Ok(3 << 29));
    assert!(refusal("mem:0.0001KiB").contains("not a whole number of bytes"));
    assert!(refusal("mem:1025PiB").contains("too large"));
}

#[test]
fn a_quantity_that_cannot_be_read_is_named() {
    for (text, part) in [
        ("cpus", "a resource is written name:amount"),
        ("cpus:1;cpus:2", "cpus is given twice"),
        ("cpus:four", "not a number such as 4 or 0.5"),
        ("cpus:-1", "not a number"),
        ("cpus:1e3", "not a number"),
        ("cpus:.5", "not a number"),
        ("cpus:0.0001", "more than three decimals"),
        ("cpus:99999999999999999999", "too large"),
        ("cpus:999999999999999999999", "too many digits"),
        ("cpus(role):4", "reserved resources are not implemented yet"),
        ("Slots:1", "lower-case letters"),
        (":1", "1 to 64 bytes"),
        ("ports:80", "ranges in brackets"),
        ("ports:[90-80]", "first port is above its last"),
        ("ports:[65536]", "from 0 to 65535"),
    ] {
        assert!(refusal(text).contains(part), "{text}: {}", refusal(text));
    }
    assert!(refusal(&format!("{}:1", "a".repeat(65))).contains("1 to 64 bytes"));
}

#[test]
fn json_refuses_what_the_text_refuses() {
    let refusal = |text: &str| serde_json::from_str::<Resources>(text).expect_err(text).to_string();
    assert!(refusal(r#"{"mem": "64"}"#).contains("a unit is missing"));
    assert!(refusal(r#"{"mem": 0.5}"#).contains("mem: it is not an amount"));
    assert!(refusal(r#"{"cpus": 0.0001}"#).contains("more than three decimals"));
    assert!(refusal(r#"{"cpus": -1}"#).contains("cpus: it is not an amount"));
    assert!(refusal(r#"{"ports": [[2, 1]]}"#).contains("above its last"));
    assert!(refusal(r#"{"slots(a)": 1}"#).contains("not implemented yet"));
    let read: Resources = serde_json::from_str(r#"{"cpus": 1, "mem": "64MiB", "disk": 7, "slots": 0.5}"#).expect("JSON");
    assert_eq!(read.to_string(), "cpus:1;mem:64MiB;disk:7B;slots:0.5");
}

#[test]
fn a_shortfall_speaks_in_units() {
    let have = Resources::parse("cpus:1;mem:1GiB").expect("resources");
    let short = |want: &str| have.shortfall(&Resources::parse(want).expect(want)).map(|short| short.to_string());
    assert_eq!(short("cpus:0.5"), None);
    assert_eq!(short("cpus:2;mem:2GiB").as_deref(), Some("cpus: 2 wanted, 1 available"));
    assert_eq!(short("mem:1536MiB").as_deref(), Some("mem: 1536MiB wanted, 1GiB available"));
    assert_eq!(short("slots:1").as_deref(), Some("slots: 1 wanted, 0 available"));
    assert_eq!(short("ports:[80]").as_deref(), Some("ports: [80-80] wanted, [] available"));
}

#[test]
fn roles_are_paths_of_plain_words() {
    for good in ["*", "web", "eng/batch/nightly", "a.b-c_d", "0"] {
        assert_eq!(Role::new(good).map(|role| role.to_string()).as_deref(), Ok(good));
    }
    for bad in ["", "/", "a/", "/a", "a//b", "*/a", "-a", "a/.b", "..", "a b", "é", "a\n"] {
        let error = Role::new(bad).expect_err(bad).to_string();
        assert!(error.contains("is not a role: a role is * or parts"), "{error}");
    }
    assert!(Role::new(&"a".repeat(NAME_BYTES_MAX)).is_ok());
    assert!(Role::new(&"a".repeat(NAME_BYTES_MAX + 1)).expect_err("too long").to_string().contains("longer than 256 bytes"));
    assert_eq!(Role::default().as_str(), "*");
}

#[test]
fn attributes_are_pairs_each_name_once() {
    let read: Attributes = "rack:a ; image: docker:24 ;".parse().expect("attributes");
    assert_eq!(read.to_string(), "image:docker:24;rack:a");
    assert_eq!((read.get("rack"), read.get("none")), (Some("a"), None));
    for (bad, part) in [("rack", "write name:value"), (":a", "it is empty"), ("rack:", "it is empty"), ("a:1;a:2", "given twice")] {
        assert!(bad.parse::<Attributes>().expect_err(bad).to_string().contains(part), "{bad}");
    }
    let pair = |name: &str, value: &str| Attributes::new([(name.to_owned(), value.to_owned())]);
    assert!(pair("a:b", "c").is_err() && pair("a", "b;c").is_err() && pair("a", "b\u{1b}").is_err());
    assert!(pair("a", &"b".repeat(NAME_BYTES_MAX)).is_ok() && pair("a", &"b".repeat(NAME_BYTES_MAX + 1)).is_err());
}

#[test]
fn attributes_from_json_obey_the_same_rules() {
    let read: Attributes = serde_json::from_str(r#"{"rack": "a"}"#).expect("JSON");
    assert_eq!(serde_json::to_string(&read).expect("JSON"), r#"{"rack":"a"}"#);
    assert!(serde_json::from_str::<Attributes>(r#"{"rack": "a;os:linux"}"#).is_err());
}

#[test]
fn task_ids_are_one_printable_word() {
    for good in ["t", "web-1-17", "a:b,c~!", "é"] {
        assert_eq!(TaskId::new(good).is_ok(), good.is_ascii(), "{good}");
    }
    for (bad, part) in
        [("", "it is empty"), ("a b", "a space"), ("a/b", "a slash"), ("a\0", "not printable"), ("a\n", "not printable")]
    {
        assert!(TaskId::new(bad).expect_err(bad).to_string().contains(part), "{bad:?}");
    }
    assert!(TaskId::new("t".repeat(TASK_ID_BYTES_MAX)).is_ok());
    assert!(TaskId::new("t".repeat(TASK_ID_BYTES_MAX + 1)).expect_err("too long").to_string().contains("longer than 128 bytes"));
    assert!(serde_json::from_str::<TaskId>(r#""a b""#).is_err());
}
