#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;
use crate::source::Pace;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

/// What a scripted source does at one call.
#[derive(Clone, Debug)]
enum Step {
    Good(u64),
    Damaged,
    Timeout,
    Fail(&'static str),
    End,
    Panic,
}

/// Gives its steps one after another, then ends.
struct Scripted {
    steps: VecDeque<Step>,
    panics_when_dropped: bool,
}

impl FrameSource for Scripted {
    fn next_frame(&mut self, frame: &mut Frame) -> Result<Next, SourceError> {
        match self.steps.pop_front().unwrap_or(Step::End) {
            Step::Good(sequence) => {
                frame.stamp.sequence = sequence;
                Ok(Next::Frame)
            }
            Step::Damaged => Err(SourceError::Damaged("torn".to_owned())),
            Step::Timeout => Err(SourceError::Timeout(Duration::from_secs(1))),
            Step::Fail(reason) => Err(camera(reason.to_owned())),
            Step::End => Ok(Next::End),
            Step::Panic => panic!("scripted"),
        }
    }

    fn describe(&self) -> String {
        "scripted source".to_owned()
    }

    fn pace(&self) -> Pace {
        Pace::Live
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        if self.panics_when_dropped {
            panic!("scripted, while dropped");
        }
    }
}

/// What the opener does at one call.
enum Open {
    Source(Vec<Step>),
    PanickyDrop(Vec<Step>),
    Refuse(&'static str),
    Panic,
}

fn open_as(open: Open) -> Result<Box<dyn FrameSource>, SourceError> {
    let source = |steps: Vec<Step>, panics_when_dropped| {
        Ok(Box::new(Scripted {
            steps: steps.into(),
            panics_when_dropped,
        }) as Box<dyn FrameSource>)
    };
    match open {
        Open::Source(steps) => source(steps, false),
        Open::PanickyDrop(steps) => source(steps, true),
        Open::Refuse(reason) => Err(camera(reason.to_owned())),
        Open::Panic => panic!("scripted, while opening"),
    }
}

struct Rig {
    supervisor: Supervisor,
    counters: Arc<CaptureCounters>,
    stop: StopFlag,
    lines: Arc<Mutex<Vec<String>>>,
    frame: Frame,
}

/// A supervisor over a script of openings; when the script is over, it stops the run.
fn rig(mode: SourceMode, script: Vec<Open>) -> Rig {
    let mut script: VecDeque<Open> = script.into();
    let stop = StopFlag::new();
    let at_the_end = stop.clone();
    let opener: Opener = Box::new(move || match script.pop_front() {
        Some(open) => open_as(open),
        None => {
            at_the_end.stop();
            open_as(Open::Refuse("the script is over"))
        }
    });
    let counters = Arc::new(CaptureCounters::default());
    let mut supervisor = Supervisor::new(opener, mode, stop.clone(), Arc::clone(&counters));
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    supervisor.report = Box::new(move |_, line| sink.lock().unwrap().push(line.to_owned()));
    supervisor.backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(4));
    Rig {
        supervisor,
        counters,
        stop,
        lines,
        frame: Frame::with_capacity(0),
    }
}

impl Rig {
    /// The sequence numbers of all frames up to the end.
    fn drain(&mut self) -> Vec<u64> {
        let mut sequences = Vec::new();
        while self.supervisor.next_frame(&mut self.frame).unwrap() == Next::Frame {
            sequences.push(self.frame.stamp.sequence);
        }
        sequences
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    fn lines_with(&self, text: &str) -> usize {
        self.lines()
            .iter()
            .filter(|line| line.contains(text))
            .count()
    }
}

fn good(range: std::ops::Range<u64>) -> Vec<Step> {
    range.map(Step::Good).collect()
}

fn good_then(range: std::ops::Range<u64>, last: Step) -> Vec<Step> {
    good(range).into_iter().chain([last]).collect()
}

#[test]
fn a_live_source_is_opened_again_after_every_kind_of_failure() {
    let mut rig = rig(
        SourceMode::Live,
        vec![
            Open::Refuse("no such device"),
            Open::Source(good_then(0..3, Step::Timeout)),
            Open::Source(good_then(0..2, Step::Fail("unplugged"))),
            Open::Source(good_then(0..2, Step::End)),
        ],
    );
    assert_eq!(rig.drain(), [0, 1, 2, 3, 4, 5, 6]);
    let counted = rig.counters.snapshot();
    assert_eq!(
        (counted.frames, counted.opens, counted.open_failures),
        (7, 3, 2)
    );
    assert_eq!((counted.stalls, counted.losses), (1, 2));
    assert_eq!(counted.state, CaptureState::Ended);
    assert_eq!(
        rig.supervisor.next_frame(&mut rig.frame).unwrap(),
        Next::End
    );
}

#[test]
fn every_transition_is_logged_once() {
    let mut rig = rig(
        SourceMode::Live,
        vec![Open::Source(good_then(0..3, Step::Timeout))],
    );
    assert_eq!(rig.drain().len(), 3);
    let expected = [
        "opening the source",
        "streaming from scripted source",
        "no frame within 1s: the camera stalled",
        "opening the source again in 1 ms",
        "opening the source",
        "camera: the script is over",
        "opening the source again in 2 ms",
        "stopped",
    ];
    assert_eq!(rig.lines(), expected);
    assert_eq!(rig.counters.snapshot().transitions, expected.len() as u64);
}

#[test]
fn a_camera_that_stays_away_is_logged_once_and_counted_always() {
    let refusals = (0..40).map(|_| Open::Refuse("no such device"));
    let script = refusals.chain([Open::Source(good(0..12))]).collect();
    let mut rig = rig(SourceMode::Live, script);
    assert_eq!(rig.drain().len(), 12);
    assert_eq!(rig.counters.snapshot().open_failures, 41);
    assert_eq!(rig.lines_with("no such device"), 1);
    assert_eq!(
        rig.lines_with("streaming steadily again after 39 repeated failures"),
        1
    );
    assert!(rig.lines().len() < 15, "{:?}", rig.lines());
}

#[test]
fn flapping_does_not_flood_the_log_and_sequences_keep_rising() {
    let flaps = (0..50).map(|_| Open::Source(good_then(0..2, Step::Fail("unplugged"))));
    let mut rig = rig(SourceMode::Live, flaps.collect());
    assert_eq!(rig.drain(), (0..100).collect::<Vec<_>>());
    assert_eq!(rig.counters.snapshot().losses, 50);
    assert_eq!(rig.lines_with("unplugged"), 1);
    assert!(rig.lines().len() < 15, "{:?}", rig.lines());
}

#[test]
fn trouble_after_a_recovery_is_news_again() {
    let lived = || Open::Source(good_then(0..GOOD_FRAMES_TO_RECOVER, Step::Timeout));
    let mut rig = rig(SourceMode::Live, vec![lived(), lived(), lived()]);
    assert_eq!(rig.drain().len(), 30);
    assert_eq!(rig.lines_with("stalled"), 3);
    assert_eq!(rig.lines_with("again in 1 ms"), 3, "{:?}", rig.lines());
}

#[test]
fn gaps_of_the_source_stay_and_are_counted() {
    let steps = [
        Step::Good(5),
        Step::Good(6),
        Step::Good(9),
        Step::Damaged,
        Step::Good(12),
    ];
    let again = vec![
        Step::Good(100),
        Step::Good(100),
        Step::Good(50),
        Step::Good(52),
    ];
    let script = vec![Open::Source(steps.to_vec()), Open::Source(again)];
    let mut rig = rig(SourceMode::Live, script);
    assert_eq!(rig.drain(), [0, 1, 4, 7, 8, 9, 10, 12]);
    // Two before 9, one of two before 12 (the other was the damaged one), one before 52.
    assert_eq!(rig.counters.snapshot().source_gaps, 4);
    assert_eq!(rig.counters.snapshot().damaged, 1);
}

#[test]
fn panics_of_a_source_are_failures_like_others() {
    let script = vec![
        Open::Panic,
        Open::Source(good_then(0..1, Step::Panic)),
        Open::PanickyDrop(good_then(0..1, Step::Timeout)),
        Open::Source(good(0..1)),
    ];
    let mut rig = rig(SourceMode::Live, script);
    assert_eq!(rig.drain(), [0, 1, 2]);
    let counted = rig.counters.snapshot();
    assert_eq!(
        (counted.losses, counted.stalls, counted.open_failures),
        (2, 1, 2)
    );
}

#[test]
fn a_stop_during_the_pause_ends_it() {
    let mut rig = rig(SourceMode::Live, vec![Open::Refuse("no such device")]);
    let hour = Duration::from_secs(3600);
    rig.supervisor.backoff = Backoff::new(hour, hour);
    let (stop, counters) = (rig.stop.clone(), Arc::clone(&rig.counters));
    let worker = thread::spawn(move || rig.drain());
    while counters.state() != CaptureState::BackingOff {
        thread::sleep(Duration::from_millis(1));
    }
    stop.stop();
    // A pause that the stop did not end would hang the test for an hour.
    assert_eq!(worker.join().unwrap(), Vec::<u64>::new());
    assert_eq!(counters.state(), CaptureState::Ended);
}

#[test]
fn a_camera_of_damaged_frames_only_is_lost_and_a_file_is_given_up() {
    let damaged = |count: u32| vec![Step::Damaged; count as usize];
    let script = vec![
        Open::Source(damaged(DAMAGED_IN_A_ROW_MAX_LIVE)),
        Open::Source(good(0..1)),
    ];
    let mut live = rig(SourceMode::Live, script);
    assert_eq!(live.drain(), [0]);
    assert_eq!(live.counters.snapshot().losses, 2);

    let mut steps = damaged(DAMAGED_IN_A_ROW_MAX_FINITE - 1);
    steps.push(Step::Good(999));
    steps.extend(damaged(DAMAGED_IN_A_ROW_MAX_FINITE));
    let mut file = rig(SourceMode::Finite, vec![Open::Source(steps)]);
    assert_eq!(
        file.supervisor.next_frame(&mut file.frame).unwrap(),
        Next::Frame
    );
    let error = file.supervisor.next_frame(&mut file.frame).unwrap_err();
    assert!(
        error.to_string().contains("1000 damaged frames in a row"),
        "{error}"
    );
    assert_eq!(
        file.supervisor.next_frame(&mut file.frame).unwrap(),
        Next::End
    );
    assert_eq!(file.counters.snapshot().damaged, 1999);
}

#[test]
fn a_finite_source_ends_once_and_returns_its_errors() {
    let mut whole = rig(SourceMode::Finite, vec![Open::Source(good(0..4))]);
    assert_eq!(whole.drain(), [0, 1, 2, 3]);
    assert_eq!(whole.drain(), Vec::<u64>::new());
    let counted = whole.counters.snapshot();
    assert_eq!(
        (counted.opens, counted.losses, counted.state),
        (1, 0, CaptureState::Ended)
    );

    let broken = good_then(0..1, Step::Fail("disk gone"));
    for script in [
        vec![Open::Source(broken)],
        vec![Open::Refuse("no file")],
        vec![Open::Panic],
    ] {
        let mut rig = rig(SourceMode::Finite, script);
        while let Ok(Next::Frame) = rig.supervisor.next_frame(&mut rig.frame) {}
        assert_eq!(rig.counters.state(), CaptureState::Ended);
        assert!(
            !rig.stop.is_stopped(),
            "the opener must not be called again"
        );
        assert_eq!(rig.drain(), Vec::<u64>::new());
    }
}

#[test]
fn a_stop_ends_a_finite_source_too() {
    let mut rig = rig(SourceMode::Finite, vec![Open::Source(good(0..100))]);
    assert_eq!(
        rig.supervisor.next_frame(&mut rig.frame).unwrap(),
        Next::Frame
    );
    rig.stop.stop();
    assert_eq!(
        rig.supervisor.next_frame(&mut rig.frame).unwrap(),
        Next::End
    );
    assert_eq!(rig.supervisor.describe(), None);
}
