#![allow(clippy::unwrap_used)]
use super::*;
use crate::release::key::SecretKey;
use crate::release::status;
use crate::release::testing::{
    FakeReport, FakeSystem, bundle, key, manifest, manifest as release, sees,
};
use crate::release::trial::guard;

struct Lab {
    work: tempfile::TempDir,
    system: FakeSystem,
}

impl Lab {
    fn new() -> Self {
        let work = tempfile::tempdir().unwrap();
        let system = FakeSystem::new(work.path(), sees);
        Self { work, system }
    }

    fn layout(&self) -> Layout {
        self.system.layout.clone()
    }

    fn install(&mut self, version: &str) -> Result<Installed, InstallError> {
        self.install_with(&manifest(version), |_| {})
    }

    fn install_with(
        &mut self,
        manifest: &Manifest,
        change: impl FnOnce(&mut InstallOptions),
    ) -> Result<Installed, InstallError> {
        let mut options = InstallOptions {
            key: key().public(),
            replace_key: false,
            allow_downgrade: false,
            allow_blind: false,
        };
        change(&mut options);
        let bundle = bundle(self.work.path(), manifest, &key());
        install(&self.layout(), &mut self.system, &bundle, &options)
    }

    fn guard(&mut self) -> Option<Outcome> {
        guard(&self.layout(), &mut self.system).unwrap()
    }

    fn flash(&mut self, version: &str) -> Verdict {
        self.install(version).unwrap();
        self.guard().unwrap().verdict
    }

    fn version(&self) -> String {
        status(&self.layout()).unwrap().version.unwrap().to_string()
    }
}

#[test]
fn releases_take_turns_in_two_slots() {
    let mut lab = Lab::new();
    for (version, slot) in [
        ("0.1.0+1", Slot::A),
        ("0.1.0+2", Slot::B),
        ("0.1.0+3", Slot::A),
    ] {
        assert_eq!(lab.flash(version), Verdict::Accepted);
        assert_eq!(lab.layout().current_slot().unwrap(), Some(slot));
        assert_eq!(lab.version(), version);
        let guard = fs::read_to_string(lab.layout().guard().join("lookout")).unwrap();
        assert_eq!(guard, format!("program of {version}\n"));
    }
    let link = lab.layout().etc().join("systemd/system/lookout.service");
    assert_eq!(
        fs::read_link(link).unwrap(),
        Path::new("/opt/lookout/current/units/lookout.service")
    );
    let left = fs::read_dir(lab.layout().home()).unwrap().count();
    assert_eq!(left, 6, "a, b, current, guard, lock and outcome.toml");
    assert_eq!(
        rollback(&lab.layout(), &mut lab.system)
            .unwrap()
            .to_string(),
        "0.1.0+2"
    );
    assert_eq!(lab.version(), "0.1.0+2");
}

#[test]
fn a_release_that_does_not_see_goes_and_the_old_one_comes_back() {
    let mut lab = Lab::new();
    lab.flash("0.1.0+1");
    lab.system.firmware = |slot, second| match slot {
        Slot::A => sees(slot, second),
        Slot::B => Some(FakeReport {
            state: "blind",
            inferences: 0,
            process: 0,
        }),
    };
    assert_eq!(lab.flash("0.1.0+2"), Verdict::RolledBack);
    assert_eq!(lab.version(), "0.1.0+1");
    let last = lab.system.commands.last().unwrap();
    assert_eq!(last, "systemctl restart --no-block lookout.service");
    let outcome = Outcome::read(&lab.layout()).unwrap();
    assert!(outcome.reason.contains("blind"), "{}", outcome.reason);
    lab.install_with(&manifest("0.1.0+2"), |options| options.allow_blind = true)
        .unwrap();
    assert_eq!(lab.guard().unwrap().verdict, Verdict::Accepted);
}

#[test]
fn the_first_release_stays_whatever_it_does() {
    let mut lab = Lab::new();
    lab.system.firmware = |_, _| None;
    assert_eq!(lab.flash("0.1.0+1"), Verdict::KeptUnhealthy);
    assert_eq!(lab.version(), "0.1.0+1");
    // And a better one takes its place.
    lab.system.firmware = sees;
    assert_eq!(lab.flash("0.1.0+2"), Verdict::Accepted);
}

#[test]
fn what_speaks_against_a_release_changes_nothing() {
    let mut lab = Lab::new();
    lab.flash("0.1.0+5");
    let before = lab.system.commands.len();
    let mut expect = |change: fn(&mut Manifest, &mut FakeSystem), words: &str| {
        let mut manifest = manifest("0.1.0+6");
        let (machine, free) = (lab.system.machine, lab.system.free_bytes);
        change(&mut manifest, &mut lab.system);
        let error = lab.install_with(&manifest, |_| {}).unwrap_err().to_string();
        assert!(error.contains(words), "no `{words}` in: {error}");
        (lab.system.machine, lab.system.free_bytes) = (machine, free);
        assert_eq!(lab.version(), "0.1.0+5");
        assert!(!lab.layout().home().join("b.tmp").exists());
    };
    expect(|m, _| *m = release("0.1.0+4"), "--allow-downgrade");
    expect(|m, _| m.board = "orin-nano".to_owned(), "installed as lab");
    expect(
        |m, _| m.compatible = vec!["nvidia,tegra234".to_owned()],
        "linux,dummy-virt",
    );
    expect(|_, s| s.machine = "x86_64", "a x86_64 machine");
    expect(|_, s| s.free_bytes = 1000, "delete what is not needed");
    let commands = lab.system.commands[before..].iter();
    assert!(
        commands.clone().all(|command| command == "uname -m"),
        "{commands:?}"
    );
    lab.install_with(&manifest("0.1.0+4"), |options| {
        options.allow_downgrade = true
    })
    .unwrap();
}

#[test]
fn a_board_trusts_one_key_until_told_otherwise() {
    let mut lab = Lab::new();
    lab.flash("0.1.0+1");
    let other = SecretKey::from_seed(&[8; 32]);
    let path = bundle(lab.work.path(), &manifest("0.1.0+2"), &other);
    let mut options = InstallOptions {
        key: key().public(),
        replace_key: false,
        allow_downgrade: false,
        allow_blind: false,
    };
    let layout = lab.layout();
    let mut attempt = |options: &InstallOptions| install(&layout, &mut lab.system, &path, options);
    let error = attempt(&options).unwrap_err();
    assert!(
        matches!(error, InstallError::Archive(ArchiveError::Signature { .. })),
        "{error}"
    );
    options.key = other.public();
    assert!(matches!(
        attempt(&options),
        Err(InstallError::OtherKey { .. })
    ));
    options.replace_key = true;
    attempt(&options).unwrap();
    assert_eq!(
        PublicKey::read(&layout.trusted_key()).unwrap(),
        other.public()
    );
}

#[test]
fn only_one_installation_and_one_trial_at_a_time() {
    let mut lab = Lab::new();
    lab.install("0.1.0+1").unwrap();
    assert!(matches!(
        lab.install("0.1.0+2"),
        Err(InstallError::OnTrial(_))
    ));
    lab.guard();
    let layout = lab.layout();
    let _lock = lock(&layout).unwrap();
    assert!(matches!(lab.install("0.1.0+2"), Err(InstallError::Busy)));
    assert!(matches!(
        rollback(&layout, &mut lab.system),
        Err(InstallError::Busy)
    ));
}

#[test]
fn there_must_be_something_to_go_back_to() {
    let mut lab = Lab::new();
    let layout = lab.layout();
    fs::create_dir_all(layout.home()).unwrap();
    let missing = rollback(&layout, &mut lab.system);
    assert!(matches!(missing, Err(InstallError::NothingBefore)));
    lab.flash("0.1.0+1");
    let missing = rollback(&layout, &mut lab.system);
    assert!(matches!(missing, Err(InstallError::NothingBefore)));
}

#[test]
fn leftovers_of_a_power_cut_are_cleared() {
    let mut lab = Lab::new();
    lab.flash("0.1.0+1");
    let home = lab.layout().home();
    for name in ["b.tmp", "b.old", "b"] {
        fs::create_dir(home.join(name)).unwrap();
        fs::write(home.join(name).join("lookout"), "half").unwrap();
    }
    assert_eq!(lab.flash("0.1.0+2"), Verdict::Accepted);
    assert_eq!(lab.version(), "0.1.0+2");
    assert!(!home.join("b.old").exists());
}
