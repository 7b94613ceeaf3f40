//! Tests of the decision what is left out, with invented times.

use super::*;
use crate::thermal::ThermalZone;
use proptest::prelude::*;

const POLICY: SheddingPolicy = SheddingPolicy {
    celsius_shed: 85.0,
    age_max: Some(Duration::from_millis(200)),
    has_lite: true,
};

const NONE: LoadShedding = LoadShedding {
    level: SheddingLevel::None,
    every_nth: 1,
};

fn skip(every_nth: u32) -> LoadShedding {
    LoadShedding {
        level: SheddingLevel::Skip,
        every_nth,
    }
}

const LITE: LoadShedding = LoadShedding {
    level: SheddingLevel::Lite,
    every_nth: 4,
};

fn heat(celsius: f64) -> Heat {
    Heat {
        zones: vec![ThermalZone {
            name: "CPU-therm".into(),
            celsius,
        }],
        is_throttled: false,
    }
}

/// A board whose clock is wound by hand, observed every half second.
struct Board {
    shedder: Shedder,
    now_ns: u64,
}

impl Board {
    fn new(policy: SheddingPolicy) -> Self {
        Self {
            shedder: Shedder::new(policy),
            now_ns: 1000 * SECOND_NS,
        }
    }

    /// What is left out after so many seconds of this.
    fn spend(&mut self, seconds: u64, heat: &Heat, age_ms: Option<u64>) -> LoadShedding {
        let age = age_ms.map(Duration::from_millis);
        for _ in 0..2 * seconds {
            self.now_ns += SECOND_NS / 2;
            self.shedder.observe(self.now_ns, heat, age);
        }
        self.shedder.load()
    }
}

#[test]
fn work_is_left_out_in_order_and_taken_up_in_reverse() {
    let mut board = Board::new(POLICY);
    let hot = heat(90.0);
    assert_eq!(
        board.spend(1, &hot, None),
        NONE,
        "a moment of heat is nothing"
    );
    assert_eq!(board.spend(2, &hot, None), skip(2));
    assert_eq!(board.spend(9, &hot, None), skip(2));
    assert_eq!(board.spend(1, &hot, None), skip(3));
    assert_eq!(board.spend(10, &hot, None), skip(4));
    assert_eq!(board.spend(10, &hot, None), LITE);
    assert_eq!(
        board.spend(1000, &hot, None),
        LITE,
        "there is no step after"
    );
    assert_eq!(board.spend(1000, &heat(82.0), None), LITE, "not cool yet");
    let cool = heat(79.0);
    assert_eq!(board.spend(30, &cool, None), LITE);
    assert_eq!(board.spend(1, &cool, None), skip(4));
    assert_eq!(board.spend(30, &cool, None), skip(3));
    assert_eq!(board.spend(30, &cool, None), skip(2));
    assert_eq!(board.spend(30, &cool, None), NONE);
}

#[test]
fn without_a_lite_model_frames_are_skipped_and_no_more() {
    let mut board = Board::new(SheddingPolicy {
        has_lite: false,
        ..POLICY
    });
    assert_eq!(board.spend(500, &heat(99.0), None), skip(4));
    assert_eq!(board.spend(31, &heat(20.0), None), skip(3));
}

#[test]
fn every_cause_presses_and_is_named() {
    let mut board = Board::new(POLICY);
    board.spend(3, &heat(85.0), None);
    let told = |board: &Board| board.shedder.cause().map(ToString::to_string);
    assert_eq!(told(&board).as_deref(), Some("CPU-therm is 85 C hot"));
    let throttled = Heat {
        is_throttled: true,
        ..heat(20.0)
    };
    let mut board = Board::new(POLICY);
    assert_eq!(board.spend(3, &throttled, None), skip(2));
    assert!(told(&board).is_some_and(|text| text.contains("slows")));
    let mut board = Board::new(POLICY);
    assert_eq!(board.spend(3, &Heat::default(), Some(201)), skip(2));
    assert!(told(&board).is_some_and(|text| text.contains("201 ms")));
    assert_eq!(board.spend(100, &Heat::default(), Some(150)), skip(2));
    assert_eq!(told(&board), None, "nothing presses any more");
    assert_eq!(board.spend(31, &Heat::default(), Some(100)), NONE);
}

#[test]
fn age_presses_only_where_there_is_a_limit() {
    let mut board = Board::new(SheddingPolicy {
        age_max: None,
        ..POLICY
    });
    assert_eq!(board.spend(100, &Heat::default(), Some(60_000)), NONE);
}

#[test]
fn a_hot_battery_is_no_reason() {
    let mut board = Board::new(POLICY);
    let battery = Heat {
        zones: vec![ThermalZone {
            name: "battery".into(),
            celsius: 95.0,
        }],
        is_throttled: false,
    };
    assert_eq!(board.spend(100, &battery, None), NONE);
}

#[test]
fn a_relapse_makes_the_next_try_come_later() {
    let mut board = Board::new(POLICY);
    let (slow, fast) = (Some(250), Some(90));
    let cool = Heat::default();
    let mut waits = Vec::new();
    board.spend(3, &cool, slow);
    for _ in 0..7 {
        let mut wait = 0;
        while board.spend(1, &cool, fast) != NONE {
            wait += 1;
        }
        waits.push(wait);
        assert_eq!(board.spend(3, &cool, slow), skip(2));
    }
    assert_eq!(waits[..5], [30, 60, 120, 240, 480]);
    assert_eq!(waits[6], 480, "there is a longest wait");
    board.spend(1200, &cool, fast);
    board.spend(3, &cool, slow);
    assert_eq!(board.spend(29, &cool, fast), skip(2));
    assert_eq!(
        board.spend(2, &cool, fast),
        NONE,
        "old relapses are forgotten"
    );
}

proptest! {
    /// Whatever happens, the load changes by one step at a time and stays within its bounds.
    #[test]
    fn steps_are_single_and_bounded(
        moments in proptest::collection::vec((0u64..40, -20.0f64..130.0, any::<bool>(), 0u64..500), 1..200),
        has_lite: bool,
    ) {
        let mut shedder = Shedder::new(SheddingPolicy { has_lite, ..POLICY });
        let step = |load: LoadShedding| {
            load.every_nth + u32::from(load.level == SheddingLevel::Lite)
        };
        let (mut now_ns, mut before) = (0, shedder.load());
        for (seconds, celsius, is_throttled, age_ms) in moments {
            now_ns += seconds * SECOND_NS;
            let heat = Heat { is_throttled, ..heat(celsius) };
            let load = shedder.observe(now_ns, &heat, Some(Duration::from_millis(age_ms)));
            prop_assert!(step(load).abs_diff(step(before)) <= 1);
            prop_assert!((1..=4).contains(&load.every_nth));
            prop_assert_eq!(load.level == SheddingLevel::None, load.every_nth == 1);
            prop_assert!(has_lite || load.level != SheddingLevel::Lite);
            before = load;
        }
    }
}
