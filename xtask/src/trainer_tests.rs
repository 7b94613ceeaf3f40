//! Tests of the trainer as a child process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

fn run_script(script: &str) -> Result<Outcome, TrainerError> {
    supervise(shell(script), &Stops::default())
}

#[test]
fn the_end_of_the_trainer_is_understood() {
    let done = r#"echo '{"event":"done","out":"/m"}'"#;
    assert_eq!(run_script(done).unwrap(), Outcome::Done("/m".into()));
    assert!(matches!(
        run_script("echo chatter"),
        Err(TrainerError::NoModel)
    ));
    assert_eq!(run_script("exit 130").unwrap(), Outcome::Interrupted);
    assert!(matches!(run_script("exit 3"), Err(TrainerError::Failed(3))));
    assert!(matches!(
        run_script("kill -9 $$"),
        Err(TrainerError::Killed(9))
    ));
    // A model that was announced before a failure is none.
    let failed = run_script(&format!("{done}; exit 1"));
    assert!(matches!(failed, Err(TrainerError::Failed(1))));
    let absent = supervise(Command::new("/no/such/trainer"), &Stops::default());
    assert!(matches!(absent, Err(TrainerError::Start { .. })));
}

/// Runs a script that makes the file `$0` when it listens; from then on asks it to stop
/// for as long as it runs, once or again and again.
fn stopped(script: &str, again: bool) -> Result<Outcome, TrainerError> {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready");
    let mut command = shell(script);
    command.arg(&ready);
    let stops = Stops::default();
    let flag = stops.interrupt.clone();
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ready.exists() && !ended.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(5));
            }
            flag.store(true, Ordering::Relaxed);
            while again && !ended.load(Ordering::Relaxed) {
                flag.store(true, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let result = supervise(command, &stops);
        ended.store(true, Ordering::Relaxed);
        result
    })
}

/// A process started in the background of a script has SIGINT ignored, its children inherit
/// that, and a shell cannot trap what was ignored from its start. The real trainer can.
fn listen_to_interrupts() {
    // SAFETY: sets a signal's default action, which no code of the tests relies upon.
    unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
}

#[test]
fn a_request_to_stop_reaches_the_trainer() {
    listen_to_interrupts();
    let listens = "trap 'exit 130' INT; : > \"$0\"; while :; do sleep 0.05; done";
    assert_eq!(stopped(listens, false).unwrap(), Outcome::Interrupted);
    let not_yet = ": > \"$0\"; while :; do sleep 0.05; done";
    assert_eq!(stopped(not_yet, false).unwrap(), Outcome::Interrupted);
}

#[test]
fn a_trainer_that_does_not_listen_is_ended() {
    let result = stopped(
        "trap '' INT; : > \"$0\"; while :; do sleep 0.05; done",
        true,
    );
    assert!(matches!(result, Err(TrainerError::Killed(9))), "{result:?}");
}

#[test]
fn endless_lines_are_cut() {
    let mut endless = BufReader::new(std::io::repeat(b'x'));
    assert_eq!(next_line(&mut endless).unwrap().len(), EVENT_BYTES_MAX);
    assert_eq!(next_line(&mut &b""[..]), None);
    assert_eq!(next_line(&mut &b"a\xff\nb"[..]).unwrap(), "a\u{fffd}\n");
}

/// Events come as lines, so that fields that are added to them change nothing here.
#[test]
fn the_view_follows_the_events() {
    static LINES: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new());
    let mut view = View {
        block: Block::of_lines(Duration::from_secs(3600), |line| {
            LINES.lock().unwrap().push(line.into());
        }),
        ..View::new()
    };
    let step = r#""event":"step","loss_class":1.0,"loss_box":0.25,"images_per_s":17.25"#;
    for line in [
        r#"{"event":"note","text":"batch 16"}"#.to_owned(),
        format!(
            "{{{step},\"step\":1,\"steps\":4,\"loss\":1.25,\"elapsed_s\":3,\"remaining_s\":61}}"
        ),
        r#"{"event":"evaluated","set":"dawn","precision":"float","map":0.25,"map50":0.5}"#.into(),
        format!(
            "{{{step},\"step\":2,\"steps\":4,\"loss\":null,\"elapsed_s\":4,\"remaining_s\":60}}"
        ),
        r#"{"event":"done","out":"/m"}"#.into(),
    ] {
        view.show(TrainEvent::from_line(&line).unwrap());
        view.tick();
    }
    assert_eq!(view.finish(), Some("/m".into()));
    assert_eq!(
        *LINES.lock().unwrap(),
        [
            "batch 16",
            "train: 1/4 (25 %)  loss 1.250 (class 1.000, box 0.250)  17.2 images/s  1 min 01 s left",
            "dawn, float: mAP 0.2500, mAP@0.5 0.5000",
            "train: 2/4 (50 %)  loss NaN (class 1.000, box 0.250)  17.2 images/s  1 min 00 s left",
        ]
    );
}

#[test]
fn both_precisions_of_a_set_have_a_row() {
    assert_eq!(row("dawn", Precision::Float), "dawn");
    assert_eq!(row("dawn", Precision::Int8), "dawn int8");
}

#[test]
fn cargo_names_the_program() {
    let line = r#"{"reason":"compiler-artifact","executable":"/t/release/trainer"}"#;
    assert_eq!(executable(line), Some("/t/release/trainer".into()));
    assert_eq!(
        executable(r#"{"reason":"compiler-artifact","executable":null}"#),
        None
    );
    assert_eq!(executable("warning: something"), None);
}
