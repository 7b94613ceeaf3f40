//! Tests of the lines that a person sees of a training.

use super::*;
use proptest::prelude::*;

const WIDE: Canvas = Canvas {
    columns: 79,
    is_utf8: true,
};
const NARROW: Canvas = Canvas {
    columns: 60,
    is_utf8: false,
};

fn report() -> StepReport {
    StepReport {
        step: 12_000,
        steps: 48_000,
        loss: 1.25,
        loss_class: 1.0,
        loss_box: 0.25,
        learning_rate: 0.0015,
        images_per_s: 123.45,
        elapsed_s: 100.0,
        remaining_s: 300.0,
    }
}

/// A training of some time, with two sets that were looked at twice.
fn state() -> TrainingState {
    let mut state = TrainingState::default();
    for tenth in 0..=10_u32 {
        let share = f64::from(tenth) / 10.0;
        state.step(StepReport {
            step: 1200 * u64::from(tenth),
            loss: 4.0 - 2.75 * share,
            elapsed_s: 100.0 * share,
            ..report()
        });
        if tenth == 5 {
            state.evaluated("bdd100k", 0.11, 0.22);
            state.evaluated("dawn int8", 0.2, 0.4);
        }
    }
    state.evaluated("bdd100k", 0.108, 0.225);
    state.evaluated("dawn int8", 0.25, 0.45);
    state
}

#[test]
fn a_wide_terminal_shows_everything() {
    assert_eq!(
        state().lines(WIDE),
        [
            "train [============>                                       ]  25 %  12000/48000",
            "elapsed 1 min 40 s, 5 min 00 s left, 123.5 images/s",
            "loss 1.250 (class 1.000, box 0.250)  rate 1.50e-3",
            "██▇▆▅▅▄▃▂▁▁  1.250 to 4.000 in 1 min 40 s",
            "set          mAP mAP@0.5   best  at step",
            "bdd100k   0.1080  0.2250 0.1100     6000",
            "dawn int8 0.2500  0.4500 0.2500    12000",
        ]
    );
}

#[test]
fn sixty_columns_are_enough() {
    let mut state = state();
    state.evaluated(&"very long name ".repeat(9), 0.5, 0.5);
    for step in 0..500_u32 {
        let loss = f64::from(step % 50);
        let elapsed_s = 100.0 + f64::from(step);
        state.step(StepReport {
            loss,
            elapsed_s,
            step: 123_456,
            steps: 999_999,
            ..report()
        });
    }
    let lines = state.lines(NARROW);
    assert!(
        lines.iter().all(|line| line.chars().count() <= 60),
        "{lines:#?}"
    );
    assert!(
        lines
            .iter()
            .all(|line| line.is_ascii() && !line.ends_with('~')),
        "{lines:#?}"
    );
    assert!(lines[0].starts_with("train [==") && lines[0].ends_with(" 12 %  123456/999999"));
    assert!(lines[3].ends_with(" in 9 min 59 s"), "{}", lines[3]);
}

#[test]
fn what_is_unknown_is_not_shown() {
    let mut state = TrainingState::default();
    assert_eq!(state.lines(NARROW), ["train: no step yet"]);
    assert_eq!(state.line(), None);
    let unknown = StepReport {
        learning_rate: f64::NAN,
        images_per_s: f64::NAN,
        elapsed_s: f64::NAN,
        remaining_s: f64::NAN,
        ..report()
    };
    state.step(unknown);
    let lines = state.lines(NARROW);
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert_eq!(lines[1], "loss 1.250 (class 1.000, box 0.250)");
    state.evaluated("empty", f64::NAN, f64::NAN);
    assert_eq!(
        state.lines(NARROW)[3],
        "empty      -       -      -    12000"
    );
    // The first number is better than none.
    state.evaluated("empty", 0.1, 0.2);
    assert_eq!(
        state.lines(NARROW)[3],
        "empty 0.1000  0.2000 0.1000    12000"
    );
}

#[test]
fn a_loss_that_diverged_is_seen() {
    let mut state = state();
    let (loss, elapsed_s) = (f64::NAN, 110.0);
    state.step(StepReport {
        loss,
        elapsed_s,
        ..report()
    });
    let lines = state.lines(WIDE);
    assert!(lines[2].starts_with("loss NaN (class"), "{}", lines[2]);
    assert!(lines[3].contains('×'), "{}", lines[3]);
    assert_eq!(number(123_456.0), "1.23e5");
    assert_eq!(number(f64::INFINITY), "inf");
    assert_eq!(number(0.0001), "1.00e-4");
}

#[test]
fn the_clock_goes_on_without_steps() {
    let mut state = state();
    state.set_silence(20.0);
    let time = |state: &TrainingState| state.lines(WIDE)[1].clone();
    assert_eq!(
        time(&state),
        "elapsed 2 min 00 s, 4 min 40 s left, 123.5 images/s"
    );
    state.set_silence(400.0);
    assert_eq!(
        time(&state),
        "elapsed 8 min 20 s, 0 s left, 123.5 images/s, no step for 6 min 40 s"
    );
    // Behind the last step comes the export; that there are no more steps is no news.
    state.step(StepReport {
        remaining_s: 0.0,
        elapsed_s: 400.0,
        ..report()
    });
    state.set_silence(400.0);
    assert_eq!(time(&state), "elapsed 6 min 40 s, 0 s left, 123.5 images/s");
}

#[test]
fn many_sets_are_counted() {
    let mut state = TrainingState::default();
    for set in 0..20 {
        state.evaluated(&format!("set {set}"), 0.1, 0.2);
    }
    let lines = state.lines(NARROW);
    assert_eq!(lines.len(), 2 + SETS_MAX + 1);
    assert_eq!(lines.last().map(String::as_str), Some("and 12 more"));
}

#[test]
fn a_pipe_gets_one_line() {
    let text = "train: 12000/48000 (25 %)  loss 1.250 (class 1.000, box 0.250)  rate 1.50e-3  \
                123.5 images/s  5 min 00 s left";
    assert_eq!(state().line().as_deref(), Some(text));
}

fn any_report() -> impl Strategy<Value = StepReport> {
    let number = || prop::num::f64::ANY;
    let numbers = (number(), number(), number(), number(), number(), number());
    (any::<u64>(), any::<u64>(), number(), numbers).prop_map(|(step, steps, loss, rest)| {
        let (loss_class, loss_box, learning_rate, images_per_s, elapsed_s, remaining_s) = rest;
        StepReport {
            step,
            steps,
            loss,
            loss_class,
            loss_box,
            learning_rate,
            images_per_s,
            elapsed_s,
            remaining_s,
        }
    })
}

proptest! {
    #[test]
    fn nothing_panics_or_is_too_wide(
        reports in prop::collection::vec(any_report(), 1..20),
        set in any::<String>(),
        map in prop::num::f64::ANY,
        silence_s in prop::num::f64::ANY,
        columns in 0_usize..200,
    ) {
        let mut state = TrainingState::default();
        for report in reports {
            state.step(report);
            state.evaluated(&set, map, map);
        }
        state.set_silence(silence_s);
        let canvas = Canvas { columns, is_utf8: true };
        let lines = state.lines(canvas);
        prop_assert!(lines.iter().all(|line| line.chars().count() <= columns));
        prop_assert!(state.line().is_some());
    }
}
