//! Tests of the options.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;
use clap::Parser;

#[derive(clap::Parser)]
struct Cli {
    #[command(flatten)]
    args: TrainAndExportArgs,
}

fn parse(words: &str) -> Result<TrainAndExportArgs, clap::Error> {
    let words = ["train-and-export"]
        .into_iter()
        .chain(words.split_whitespace());
    Cli::try_parse_from(words).map(|cli| cli.args)
}

/// Makes the folder look like a data set; nobody looks closer before the training.
fn looks_like_a_set(folder: &Path) {
    std::fs::create_dir(folder.join("images")).unwrap();
    std::fs::write(folder.join("annotations.json"), "{}").unwrap();
}

#[test]
fn options_become_a_job() {
    let folder = tempfile::tempdir().unwrap();
    looks_like_a_set(folder.path());
    let data = folder.path().to_str().unwrap();
    let args = parse(&format!(
        "--data {data} --data {data} --out models/a --input 128x1024 --device cuda:2 \
         --minutes 5 --resume --class-weights person=2,rider=0.5 --box-loss smooth-l1"
    ));
    let job = job(&args.unwrap(), Path::new("/t"), "c".into()).unwrap();
    assert_eq!(job.data, [folder.path(), folder.path()]);
    assert_eq!((job.input_height, job.input_width), (128, 1024));
    assert_eq!(job.device, Device::Cuda(2));
    assert_eq!((job.minutes, job.epochs), (Some(5.0), None));
    let weights = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 0.5];
    assert_eq!(job.recipe.loss.class_weights, ClassWeights::Given(weights));
    assert_eq!(job.recipe.loss.boxes, BoxLoss::SmoothL1);
    assert!(job.resume && !job.force);
    assert!(job.out.is_absolute() && job.out.ends_with("models/a"));
    assert_eq!(job.work, Path::new("/t/train/a"));
}

#[test]
fn options_go_before_the_recipe_file() {
    let folder = tempfile::tempdir().unwrap();
    looks_like_a_set(folder.path());
    let recipe = folder.path().join("r.toml");
    std::fs::write(&recipe, "[loss]\ngamma = 1.0\n[schedule]\nbatch = 4\n").unwrap();
    let (data, file) = (folder.path().to_str().unwrap(), recipe.to_str().unwrap());
    let words = format!("--data {data} --out a --recipe {file} --batch 8");
    let job = job(&parse(&words).unwrap(), Path::new("/t"), String::new()).unwrap();
    assert_eq!((job.recipe.loss.gamma, job.recipe.schedule.batch), (1.0, 8));
    assert_eq!(job.recipe.schedule.learning_rate, 1e-3);
}

#[test]
fn bad_options_are_refused_before_the_download() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().to_str().unwrap();
    let job = |words: &str| job(&parse(words).unwrap(), Path::new("/t"), String::new());
    assert!(job(&format!("--data {empty} --out a")).is_err());
    looks_like_a_set(folder.path());
    assert!(job(&format!("--data {empty} --out a")).is_ok());
    assert!(job(&format!("--data {empty} --out /")).is_err());
    assert!(job(&format!("--data {empty} --out a --input 100x100")).is_err());
    assert!(job(&format!("--data {empty} --out a --minutes inf")).is_err());
    for words in [
        "--out a",
        "--data a",
        "--data a --out a --epochs 1 --minutes 1",
        "--data a --out a --input 288",
        "--data a --out a --device gpu",
        "--data a --out a --class-weights tram=1",
        "--data a --out a --class-weights car",
        "--data a --out a --class-weights car=-1",
    ] {
        assert!(parse(words).is_err(), "{words}");
    }
}

#[test]
fn cuda_is_fetched_where_it_can_be_used() {
    assert!(is_cuda_wanted(Device::Cuda(0), false));
    assert!(is_cuda_wanted(Device::Auto, true));
    assert!(!is_cuda_wanted(Device::Auto, false));
    assert!(!is_cuda_wanted(Device::Cpu, true));
}

#[test]
fn the_command_can_be_typed_again() {
    let words = [
        "/t/xtask",
        "train-and-export",
        "--data",
        "a b",
        "--out",
        "it's",
    ];
    let line = command_line(words.into_iter().map(String::from));
    assert_eq!(
        line,
        r"cargo xtask train-and-export --data 'a b' --out 'it'\''s'"
    );
}

#[test]
fn exit_codes_say_what_happened() {
    let code = |error: TrainerError| TrainAndExportError::from(error).exit_code();
    assert_eq!(code(TrainerError::Failed(3)), 3);
    assert_eq!(code(TrainerError::Build), 1);
    assert_eq!(
        TrainAndExportError::Interrupted(PathBuf::new()).exit_code(),
        130
    );
}
