#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;

fn text(value: &str) -> Yaml {
    Yaml::Text(value.to_owned())
}

fn list(items: &[&str]) -> Yaml {
    Yaml::List(items.iter().map(|item| (*item).to_owned()).collect())
}

fn map(entries: &[(&str, &str)]) -> Yaml {
    let entry = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    Yaml::Map(entries.iter().map(entry).collect())
}

#[test]
fn names_are_read_in_every_form() {
    for (source, expected) in [
        (
            "names: [car, 'a, b', \"c: d\"]",
            list(&["car", "a, b", "c: d"]),
        ),
        (
            "names: ['car',\n  'bus' # the last\n]\nnc: 2",
            list(&["car", "bus"]),
        ),
        ("names: [\ncar,\nbus\n]\nnc: 2", list(&["car", "bus"])),
        (
            "names:\n  - car\n  - traffic light\n",
            list(&["car", "traffic light"]),
        ),
        ("names:\n- car\n- 'bus'\nnc: 2", list(&["car", "bus"])),
        (
            "names:\n  0: car\n  # none\n\n  1: bus # two\n",
            map(&[("0", "car"), ("1", "bus")]),
        ),
        (
            "names: {0: car, 1: 'bus'}",
            map(&[("0", "car"), ("1", "bus")]),
        ),
        ("names: don't care", text("don't care")),
        ("names:", text("")),
        ("\"names\": car", text("car")),
    ] {
        assert_eq!(read(source).get("names"), Some(&expected), "{source}");
    }
}

#[test]
fn what_stands_around_the_keys_does_not_matter() {
    let source = "# a set\r\npath: ../datasets/a b  # here\r\ntrain: images/train\r\n\
        test:\r\nroboflow:\r\n  workspace: x\r\n  names: [wrong]\r\n\
        download: |\r\n  from pathlib import Path\r\n  names = [1]\r\nval: C:\\data:x\r\n---\r\n";
    let values = read(source);
    assert_eq!(values["path"], text("../datasets/a b"));
    assert_eq!(values["train"], text("images/train"));
    assert_eq!(values["val"], text("C:\\data:x"));
    assert_eq!(values["test"], text(""));
    assert!(!values.contains_key("names") && !values.contains_key("download"));
}

#[test]
fn what_would_multiply_in_full_yaml_stays_as_it_is() {
    let bomb = "a: &a [x, x]\nb: &b [*a, *a]\nnames: [*b, *b]\n";
    assert_eq!(read(bomb)["names"], list(&["*b", "*b"]));
    let open = "names: [a, b\ntrain: x\nnc: 3\n";
    assert_eq!(read(open).get("names"), None);
    let deep = format!("names: {}", "[".repeat(100_000));
    assert!(read(&deep).is_empty());
}

proptest! {
    #[test]
    fn any_text_is_read(text in "[ \\n:\\[\\]{},'\"#a-c0-1é|-]{0,80}") {
        let _ = read(&text);
    }

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn lists_read_back(names in prop::collection::vec("[a-z ]{0,4}[a-z]", 1..9)) {
        let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
        let flow = format!("names: [{}]", quoted.join(", "));
        let block = format!("names:\n  - {}\n", quoted.join("\n  - "));
        prop_assert_eq!(&read(&flow)["names"], &Yaml::List(names.clone()));
        prop_assert_eq!(&read(&block)["names"], &Yaml::List(names));
    }
}
