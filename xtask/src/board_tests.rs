#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;

#[test]
fn every_board_of_the_folder_is_sound() {
    let names = Board::names();
    for wanted in [
        "generic-aarch64",
        "jetson-nano",
        "orin-agx",
        "orin-nano",
        "qemu-arm64",
        "xavier-nx",
    ] {
        assert!(names.contains(&wanted.to_owned()), "{names:?}");
    }
    let models = workspace::root().join("models");
    for name in names {
        let board = Board::load(&name).unwrap();
        assert_eq!(board.name, name);
        for model in [Some(board.model), board.lite_model].into_iter().flatten() {
            assert!(models.join(&model).join("model.toml").is_file(), "{model}");
        }
    }
}

#[test]
fn an_unknown_board_is_told_which_there_are() {
    for name in ["toaster", "../Cargo", ""] {
        let message = Board::load(name).unwrap_err().to_string();
        assert!(message.contains("generic-aarch64"), "{message}");
    }
}

#[test]
fn a_description_is_enough() {
    let board = Board::parse("description = 'x'").unwrap();
    assert_eq!((board.cpu.as_str(), board.threads), ("generic", 2));
    assert_eq!(board.power, Power::default());
    assert_eq!(board.lite_model, None);
    let partly = Board::parse("description = 'x'\n[flash]\nsoak_s = 0").unwrap();
    assert_eq!(partly.flash.soak_s, 0);
    assert_eq!(partly.flash.health_wait_s, board.flash.health_wait_s);
}

#[test]
fn wrong_board_files_are_refused() {
    let wrong = [
        ("target = 'a b'", "target"),
        ("target = '--config'", "target"),
        ("cpu = ''", "cpu"),
        ("cpu = 3", "cpu"),
        ("features = ['+a,b']", "features"),
        ("model = '../x'", "model"),
        ("lite_model = '..'", "lite_model"),
        ("camera = 'tape:'", "camera"),
        ("threads = 0", "threads"),
        ("threads = 65", "threads"),
        ("threads = -1", "threads"),
        ("colour = 'red'", "colour"),
        ("power = { nvpmodel = 100 }", "nvpmodel"),
        ("power = { turbo = true }", "turbo"),
        ("limits = { memory_max_mib = 1 }", "memory_max_mib"),
        ("limits = { disk_free_min_mib = 0 }", "disk_free_min_mib"),
        ("limits = { celsius_shed = 300 }", "celsius_shed"),
        ("flash = { health_wait_s = 0 }", "health_wait_s"),
        ("flash = { soak_s = 100000 }", "soak_s"),
    ];
    for (line, key) in wrong {
        let message = Board::parse(&format!("description = 'x'\n{line}\n")).unwrap_err();
        assert!(message.contains(key), "{line}: {message}");
    }
    assert!(Board::parse("").unwrap_err().contains("description"));
    assert!(Board::parse("description = ' '").is_err());
}

proptest! {
    /// What is accepted can stand in a command line or a path as it is.
    #[test]
    fn accepted_names_are_harmless(name in "[a-z/. '\\-+]{0,6}") {
        if Board::parse(&format!("description = 'x'\nmodel = \"{name}\"")).is_ok() {
            prop_assert!(!name.contains(['/', ' ', '\'']));
            prop_assert!(!name.starts_with(['-', '.']));
        }
    }
}
