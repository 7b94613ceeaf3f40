//! `lab guest`: jobs in an emulated ARM machine with a real kernel and virtual cameras.

use super::clip::{Clip, ClipFormat};
use super::evidence::Evidence;
use super::stamp::build_stamped;
use super::steps::{JOBS, Job, JobModel, Played};
use super::tiny_model::write_tiny_model;
use super::{LabError, file_error, require_model};
use crate::board::Board;
use crate::build::{self, BuildError};
use crate::command::run_command;
use crate::toolchain::Place;
use crate::workspace;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Options of `cargo xtask lab guest`.
#[derive(clap::Args, Clone, Debug)]
pub struct GuestArgs {
    /// The board whose firmware is tried
    #[arg(long, value_name = "BOARD", default_value = BOARD)]
    pub board: String,
    /// The model for the job that detects
    #[arg(long, value_name = "DIR", default_value = MODEL)]
    pub model: PathBuf,
    /// Only this job; may be repeated
    #[arg(long = "job", value_name = "NAME")]
    pub jobs: Vec<String>,
}

const BOARD: &str = "qemu-arm64";
const MODEL: &str = "models/road-288x512";

impl Default for GuestArgs {
    fn default() -> Self {
        Self {
            board: BOARD.to_owned(),
            model: MODEL.into(),
            jobs: Vec::new(),
        }
    }
}

/// Frames of the clips that go through the loop of the virtual camera.
const LOOP_FRAMES: u32 = 6;
/// Frames of the USB camera's clips.
const USB_FRAMES: u32 = 20;

/// Where everything lies that the jobs need.
pub(super) struct Bench {
    lab: PathBuf,
    work: PathBuf,
    lookout: PathBuf,
    uvcsim: PathBuf,
    model: PathBuf,
    played: Played,
}

/// One line of the table of a run.
pub(super) struct Verdict {
    step: String,
    outcome: Result<String, String>,
}

/// Runs `cargo xtask lab guest`: prepares what is missing, runs the jobs and judges them.
pub fn run(args: &GuestArgs) -> Result<(), LabError> {
    let jobs = chosen(&args.jobs)?;
    let bench = Bench::prepare(args, &jobs)?;
    let mut verdicts = Vec::new();
    for job in jobs {
        verdicts.extend(bench.run(job)?);
    }
    bench.conclude(&verdicts)
}

fn chosen(names: &[String]) -> Result<Vec<&'static Job>, LabError> {
    if names.is_empty() {
        return Ok(JOBS.iter().collect());
    }
    let find = |name: &String| {
        JOBS.iter()
            .find(|job| job.name == name)
            .ok_or_else(|| LabError::NoJob {
                name: name.clone(),
                known: JOBS
                    .iter()
                    .map(|job| job.name)
                    .collect::<Vec<_>>()
                    .join(", "),
            })
    };
    names.iter().map(find).collect()
}

impl Bench {
    pub(super) fn prepare(args: &GuestArgs, jobs: &[&Job]) -> Result<Self, LabError> {
        super::require_program("qemu-system-aarch64", "qemu-system-arm")?;
        super::require_program("cpio", "cpio")?;
        let model = workspace::root().join(&args.model);
        if jobs.iter().any(|job| job.model == Some(JobModel::Shipped)) {
            require_model(&model)?;
        }
        let lab = workspace::root().join("board/lab");
        let work = workspace::target_dir()?.join("lab");
        std::fs::create_dir_all(work.join("clips")).map_err(file_error(&work))?;
        let lookout = build::build(&Board::load(&args.board).map_err(BuildError::from)?)?.binary;
        let uvcsim = build_uvcsim(&lab, &work)?;
        build_guest(&lab, &work.join("guest"))?;
        let played = make_clips(&work.join("clips"))?;
        Ok(Self {
            lab,
            work,
            lookout,
            uvcsim,
            model,
            played,
        })
    }

    /// Prints the table of the verdicts; any failure among them is an error.
    pub(super) fn conclude(&self, verdicts: &[Verdict]) -> Result<(), LabError> {
        println!("{}", table(verdicts));
        let failed = verdicts
            .iter()
            .filter(|verdict| verdict.outcome.is_err())
            .count();
        if failed == 0 {
            return Ok(());
        }
        Err(LabError::Failed {
            failed,
            all: verdicts.len(),
            folder: self.work.join("out"),
        })
    }

    /// Where everything is built.
    pub(super) fn work(&self) -> &Path {
        &self.work
    }

    /// Where a job's results lie.
    pub(super) fn out(&self, job: &Job) -> PathBuf {
        self.work.join("out").join(job.name)
    }

    /// Boots the guest for one job and judges what it left behind.
    pub(super) fn run(&self, job: &Job) -> Result<Vec<Verdict>, LabError> {
        self.run_with(job, &[])
    }

    /// As [`Self::run`], with more files for the job.
    pub(super) fn run_with(&self, job: &Job, more: &[PathBuf]) -> Result<Vec<Verdict>, LabError> {
        println!("== job {}: {}", job.name, job.purpose);
        let out = self.out(job);
        if out.exists() {
            std::fs::remove_dir_all(&out).map_err(file_error(&out))?;
        }
        std::fs::create_dir_all(&out).map_err(file_error(&out))?;
        let mut command = Command::new(self.lab.join("run-in-guest.sh"));
        command
            .arg("--guest")
            .arg(self.work.join("guest"))
            .arg("--get")
            .arg(&out);
        command.arg("--timeout").arg(job.seconds_max.to_string());
        if let Some(shift) = job.icount {
            command.arg("--icount").arg(shift.to_string());
        }
        for file in self.files(job)?.iter().chain(more) {
            command.arg("--put").arg(file);
        }
        command.arg(self.lab.join("jobs").join(format!("{}.sh", job.name)));
        // What a job that broke off has left is judged as well: it tells the reason.
        let boot = run_command(&mut command).map(|()| "ended".to_owned());
        let boot = boot.map_err(|error| error.to_string());
        let mut verdicts = vec![Verdict {
            step: format!("job {}", job.name),
            outcome: boot,
        }];
        for step in job.steps {
            let evidence = Evidence::new(&out, step.name);
            let outcome = (step.judge)(&evidence, &self.played);
            verdicts.push(Verdict {
                step: step.name.to_owned(),
                outcome,
            });
        }
        Ok(verdicts)
    }

    /// The files that a job finds in its folder.
    fn files(&self, job: &Job) -> Result<Vec<PathBuf>, LabError> {
        let jobs = self.lab.join("jobs");
        let clips = self.work.join("clips");
        let mut files = vec![self.lookout.clone(), jobs.join("common.sh")];
        files.extend(job.clips.iter().map(|name| clips.join(name)));
        files.extend(job.scripts.iter().map(|name| jobs.join(name)));
        if job.needs_usb {
            files.extend([self.uvcsim.clone(), jobs.join("usb-camera.sh")]);
        }
        if let Some(model) = job.model {
            // The job knows the model as /job/model, whatever its name here.
            let copy = self.work.join("model");
            if copy.exists() {
                std::fs::remove_dir_all(&copy).map_err(file_error(&copy))?;
            }
            match model {
                JobModel::Shipped => {
                    run_command(Command::new("cp").arg("-r").arg(&self.model).arg(&copy))?;
                }
                JobModel::Tiny => write_tiny_model(&copy)?,
            }
            files.push(copy);
        }
        Ok(files)
    }
}

/// Builds the simulated camera for the ARM machine.
pub(super) fn build_uvcsim(lab: &Path, work: &Path) -> Result<PathBuf, LabError> {
    const TARGET: &str = "aarch64-unknown-linux-musl";
    let place = Place {
        root: lab.join("uvcsim"),
        target_dir: work.join("uvcsim"),
    };
    let mut cargo = build::cross_cargo(TARGET, &place, &[])?;
    run_command(cargo.args(["build", "--release", "--locked"]))?;
    let program = work.join("uvcsim").join("uvcsim");
    build::strip_debug(
        &place.target_dir.join(TARGET).join("release/uvcsim"),
        &program,
    )?;
    Ok(program)
}

/// Builds the guest unless the one that is there was made by the same scripts.
fn build_guest(lab: &Path, guest: &Path) -> Result<(), LabError> {
    let (script, init) = (lab.join("build-guest.sh"), lab.join("guest-init"));
    build_stamped(&script, &[&script, &init], guest, "guest.env")
}

fn make_clips(folder: &Path) -> Result<Played, LabError> {
    let make = |name: &str, format, width, height, count| -> Result<Clip, LabError> {
        let clip = Clip::render(format, width, height, count)?;
        clip.write(&folder.join(name))?;
        Ok(clip)
    };
    make("clip360.mjpeg", ClipFormat::Mjpeg, 640, 360, USB_FRAMES)?;
    Ok(Played {
        yuyv: make("clip.yuyv", ClipFormat::Yuyv, 1280, 720, LOOP_FRAMES)?,
        nv12: make("clip.nv12", ClipFormat::Nv12, 1280, 720, LOOP_FRAMES)?,
        usb_mjpeg: make("clip.mjpeg", ClipFormat::Mjpeg, 1280, 720, USB_FRAMES)?,
        usb_yuyv: make("clip480.yuyv", ClipFormat::Yuyv, 640, 480, USB_FRAMES)?,
    })
}

fn table(verdicts: &[Verdict]) -> String {
    let width = verdicts
        .iter()
        .map(|verdict| verdict.step.len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for Verdict { step, outcome } in verdicts {
        let (word, remark) = match outcome {
            Ok(remark) => ("ok", remark),
            Err(remark) => ("FAILED", remark),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{step:width$}  {word:6}  {remark}");
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_job_has_its_script_and_jobs_are_found_by_name() {
        let jobs = workspace::root().join("board/lab/jobs");
        for job in JOBS {
            let script = std::fs::read_to_string(jobs.join(format!("{}.sh", job.name))).unwrap();
            for step in job.steps {
                assert!(
                    script.contains(step.name),
                    "{} has no {}",
                    job.name,
                    step.name
                );
            }
        }
        assert_eq!(chosen(&[]).unwrap().len(), JOBS.len());
        assert_eq!(chosen(&["usb".to_owned()]).unwrap().len(), 1);
        assert!(matches!(
            chosen(&["x".to_owned()]),
            Err(LabError::NoJob { .. })
        ));
    }

    #[test]
    fn the_table_shows_failures() {
        let good = Verdict {
            step: "a".to_owned(),
            outcome: Ok("fine".to_owned()),
        };
        let bad = Verdict {
            step: "long".to_owned(),
            outcome: Err("broken".to_owned()),
        };
        assert_eq!(
            table(&[good, bad]),
            "a     ok      fine\nlong  FAILED  broken\n"
        );
    }
}
