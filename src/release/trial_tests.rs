#![allow(clippy::unwrap_used)]
use super::*;
use crate::release::testing::{FakeReport, FakeSystem, sees};

/// A board on which release 2 in slot B is on trial, with release 1 in slot A.
fn on_trial(firmware: fn(Slot, u64) -> Option<FakeReport>) -> (tempfile::TempDir, FakeSystem) {
    let root = tempfile::tempdir().unwrap();
    let mut system = FakeSystem::new(root.path(), firmware);
    fs::create_dir_all(system.layout.home()).unwrap();
    system.layout.switch(Slot::B).unwrap();
    trial().write(&system.layout).unwrap();
    system.start_current().unwrap();
    (root, system)
}

fn trial() -> Trial {
    Trial {
        to: Slot::B,
        from: Some(Slot::A),
        version: "0.1.0+2".parse().unwrap(),
        health_wait_s: 20,
        soak_s: 10,
        allow_blind: false,
        attempts: 0,
    }
}

fn judge(system: &mut FakeSystem) -> (Verdict, String) {
    let layout = system.layout.clone();
    let outcome = guard(&layout, system).unwrap().unwrap();
    assert_eq!(Trial::read(&layout), None, "the trial is over");
    assert_eq!(Outcome::read(&layout).as_ref(), Some(&outcome));
    let expected = match outcome.verdict {
        Verdict::RolledBack => Slot::A,
        _ => Slot::B,
    };
    assert_eq!(layout.current_slot().unwrap(), Some(expected));
    (outcome.verdict, outcome.reason)
}

fn report(state: &'static str, inferences: u64) -> Option<FakeReport> {
    Some(FakeReport {
        state,
        inferences,
        process: 0,
    })
}

#[test]
fn a_release_that_sees_stays() {
    let (_root, mut system) = on_trial(sees);
    assert_eq!(judge(&mut system).0, Verdict::Accepted);
    let seconds = system.now_ns / 1_000_000_000;
    assert!(
        (13..16).contains(&seconds),
        "3 to see and 10 to soak: {seconds}"
    );
    let layout = system.layout.clone();
    assert_eq!(
        guard(&layout, &mut system).unwrap(),
        None,
        "nothing is on trial"
    );
}

#[test]
fn a_hot_board_is_no_reason_to_go_back() {
    let (_root, mut system) = on_trial(|_, second| report("degraded", second));
    assert_eq!(judge(&mut system).0, Verdict::Accepted);
}

#[test]
fn every_way_of_not_seeing_leads_back() {
    type Firmware = fn(Slot, u64) -> Option<FakeReport>;
    let cases: [(&str, Firmware); 6] = [
        ("silent", |_, _| None),
        ("hangs at the start", |_, _| report("starting", 0)),
        ("no frames", |_, _| report("blind", 0)),
        ("says ok and never looks", |_, _| report("ok", 0)),
        ("looks once and hangs", |_, _| report("ok", 1)),
        ("sees for a while", |_, second| {
            if second < 8 {
                report("ok", second)
            } else {
                report("blind", 8)
            }
        }),
    ];
    for (name, firmware) in cases {
        let (_root, mut system) = on_trial(firmware);
        let (verdict, reason) = judge(&mut system);
        assert_eq!(verdict, Verdict::RolledBack, "{name}");
        assert!(!reason.is_empty());
        assert!(system.now_ns < 60_000_000_000, "{name}: bounded");
    }
}

#[test]
fn a_crash_is_noticed_however_soon_the_process_is_back() {
    let (_root, mut system) = on_trial(|_, second| {
        let process = u32::from(second >= 6);
        Some(FakeReport {
            state: "ok",
            inferences: second + 1,
            process,
        })
    });
    let (verdict, reason) = judge(&mut system);
    assert_eq!(verdict, Verdict::RolledBack);
    assert!(reason.contains("started again"), "{reason}");

    let (_root, mut system) = on_trial(|_, _| None);
    system.restarts = RESTARTS_MAX;
    let (verdict, reason) = judge(&mut system);
    assert_eq!(verdict, Verdict::RolledBack);
    assert!(reason.contains("ended 3 times"), "{reason}");
    assert_eq!(system.now_ns, 0, "at once");
}

#[test]
fn a_blink_is_forgiven_in_time() {
    let (_root, mut system) = on_trial(|slot, second| match second {
        5 => None,
        _ => sees(slot, second),
    });
    assert_eq!(judge(&mut system).0, Verdict::Accepted);
}

#[test]
fn a_report_of_another_release_or_boot_says_nothing() {
    let (root, mut system) = on_trial(sees);
    fs::write(
        root.path().join("proc/sys/kernel/random/boot_id"),
        "boot-2\n",
    )
    .unwrap();
    assert_eq!(judge(&mut system).0, Verdict::RolledBack);

    let (_root, mut system) = on_trial(sees);
    let layout = system.layout.clone();
    let mut watch = Watch::new(
        &layout,
        &Trial {
            to: Slot::A,
            ..trial()
        },
        0,
    );
    system.sleep(Duration::from_secs(4));
    let of_b = Vitals::read(&layout.health());
    assert!(of_b.is_some());
    assert_eq!(watch.observe(of_b.clone(), 0, 4_000_000_000), Step::Wait);
    assert!(watch.stretch.is_none());
    let mut watch = Watch::new(&layout, &trial(), 0);
    watch.observe(of_b.clone(), 0, 4_000_000_000);
    assert!(watch.stretch.is_some());
    watch.observe(of_b, 0, 10_000_000_000);
    assert!(watch.stretch.is_none(), "six seconds old");
}

#[test]
fn a_trial_that_never_ends_is_ended() {
    let (_root, mut system) = on_trial(sees);
    let tired = Trial {
        attempts: ATTEMPTS_MAX,
        ..trial()
    };
    tired.write(&system.layout).unwrap();
    let (verdict, reason) = judge(&mut system);
    assert_eq!(verdict, Verdict::RolledBack);
    assert!(reason.contains("never to the end"), "{reason}");
}

#[test]
fn a_release_that_was_never_started_is_no_longer_on_trial() {
    let (_root, mut system) = on_trial(sees);
    system.layout.switch(Slot::A).unwrap();
    let layout = system.layout.clone();
    let outcome = guard(&layout, &mut system).unwrap().unwrap();
    assert_eq!(outcome.verdict, Verdict::Abandoned);
    assert_eq!(layout.current_slot().unwrap(), Some(Slot::A));
    assert_eq!(Trial::read(&layout), None);
}

#[test]
fn a_trial_file_that_cannot_be_read_is_removed() {
    let (_root, mut system) = on_trial(sees);
    let layout = system.layout.clone();
    fs::write(layout.trial(), "to = 3").unwrap();
    assert_eq!(guard(&layout, &mut system).unwrap(), None);
    assert!(!layout.trial().exists());
}
