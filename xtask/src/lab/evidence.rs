//! What a job in the guest left behind: reports of `lookout capture`, dumps and logs.

use super::clip::Clip;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Layout of the reports that are understood here, as any other reader of them would say.
pub const REPORT_SCHEMA: &str = "lookout.capture/1";

/// The largest file of a job that is read.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// The part of the report of `lookout capture` that the lab judges.
#[derive(Clone, Debug, Deserialize)]
pub struct Report {
    /// Name and version of the layout.
    pub schema: String,
    /// The recorded frames.
    pub frames: Vec<Recorded>,
    /// What the capture went through.
    pub counters: Counters,
}

/// One recorded frame; see `FrameRecord` in src/cli/capture.rs.
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs)]
pub struct Recorded {
    pub sequence: u64,
    pub monotonic_ns: u64,
    pub format: String,
    pub width: u32,
    pub height: u32,
    pub stride: usize,
    pub offset: usize,
    pub bytes: usize,
}

/// Counters of the supervisor; see `lookout::capture::CaptureSnapshot`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[allow(missing_docs)]
pub struct Counters {
    pub opens: u64,
    pub open_failures: u64,
    pub stalls: u64,
    pub losses: u64,
    pub damaged: u64,
    pub source_gaps: u64,
}

/// The files of one step of a job: STEP.json, STEP.dump, STEP.log.
#[derive(Clone, Debug)]
pub struct Evidence {
    folder: PathBuf,
    step: String,
}

impl Evidence {
    /// The files of `step` in the folder that came back from the guest.
    pub fn new(folder: &Path, step: &str) -> Self {
        Self {
            folder: folder.to_owned(),
            step: step.to_owned(),
        }
    }

    fn read(&self, suffix: &str) -> Result<Vec<u8>, String> {
        let path = self.folder.join(format!("{}.{suffix}", self.step));
        let wrong = |error: std::io::Error| format!("{}: {error}", path.display());
        let bytes = std::fs::metadata(&path).map_err(wrong)?.len();
        if bytes > FILE_BYTES_MAX {
            return Err(format!("{}: {bytes} bytes", path.display()));
        }
        std::fs::read(&path).map_err(wrong)
    }

    /// A text file of the step.
    pub fn text(&self, suffix: &str) -> Result<String, String> {
        Ok(String::from_utf8_lossy(&self.read(suffix)?).into_owned())
    }

    /// The report, with at least `frames_min` frames whose numbers and times rise.
    pub fn report(&self, frames_min: usize) -> Result<Report, String> {
        let report: Report = serde_json::from_slice(&self.read("json")?)
            .map_err(|error| format!("{}.json: {error}", self.step))?;
        if report.schema != REPORT_SCHEMA {
            return Err(format!("the report has the schema {}", report.schema));
        }
        if report.frames.len() < frames_min {
            return Err(format!(
                "{} frames, wanted {frames_min}",
                report.frames.len()
            ));
        }
        for pair in report.frames.windows(2) {
            if pair[1].sequence <= pair[0].sequence {
                let (a, b) = (pair[0].sequence, pair[1].sequence);
                return Err(format!("sequence number {b} after {a}"));
            }
            if pair[1].monotonic_ns <= pair[0].monotonic_ns {
                let (a, b) = (pair[0].monotonic_ns, pair[1].monotonic_ns);
                return Err(format!("capture time {b} ns after {a} ns"));
            }
        }
        Ok(report)
    }

    /// For every recorded frame, which frame of the clip it is, byte for byte.
    pub fn clip_indices(&self, report: &Report, clip: &Clip) -> Result<Vec<usize>, String> {
        let dump = self.read("dump")?;
        let find = |(number, recorded): (usize, &Recorded)| {
            let end = recorded.offset.saturating_add(recorded.bytes);
            let bytes = dump
                .get(recorded.offset..end)
                .ok_or_else(|| format!("frame {number} lies outside the dump"))?;
            if (recorded.width, recorded.height) != (clip.width, clip.height) {
                return Err(format!(
                    "frame {number} is {}x{}",
                    recorded.width, recorded.height
                ));
            }
            let bytes = without_padding(bytes, recorded);
            clip.index_of(&bytes).ok_or_else(|| match clip.nearest(&bytes) {
                Some((index, differing)) => format!(
                    "frame {number} is none of the clip's: {differing} bytes differ from {index}"
                ),
                None => "the clip is empty".to_owned(),
            })
        };
        report.frames.iter().enumerate().map(find).collect()
    }
}

/// The frame without the padding at the end of its rows.
fn without_padding(bytes: &[u8], recorded: &Recorded) -> Vec<u8> {
    let row = match recorded.format.as_str() {
        "yuyv" => 2 * recorded.width as usize,
        "nv12" | "grey" => recorded.width as usize,
        _ => return bytes.to_vec(),
    };
    if recorded.stride <= row {
        return bytes.to_vec();
    }
    bytes
        .chunks(recorded.stride)
        .flat_map(|padded| &padded[..row.min(padded.len())])
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn recorded(sequence: u64, stride: usize, offset: usize, bytes: usize) -> serde_json::Value {
        serde_json::json!({
            "sequence": sequence, "monotonic_ns": 1000 + sequence, "format": "yuyv",
            "width": 2, "height": 2, "stride": stride, "offset": offset, "bytes": bytes,
        })
    }

    /// Stores a report and a dump and judges them against a clip of two frames.
    fn judge(frames: &[serde_json::Value], dump: &[u8]) -> Result<Vec<usize>, String> {
        let folder = tempfile::tempdir().unwrap();
        let counters = serde_json::json!({
            "opens": 1, "open_failures": 0, "stalls": 0, "losses": 0, "damaged": 0,
            "source_gaps": 0,
        });
        let report = serde_json::json!({
            "schema": REPORT_SCHEMA, "frames": frames,
            "counters": counters,
        });
        std::fs::write(folder.path().join("s.json"), report.to_string()).unwrap();
        std::fs::write(folder.path().join("s.dump"), dump).unwrap();
        let clip = Clip {
            width: 2,
            height: 2,
            frames: vec![vec![1; 8], vec![2; 8]],
        };
        let evidence = Evidence::new(folder.path(), "s");
        evidence.clip_indices(&evidence.report(1)?, &clip)
    }

    #[test]
    fn frames_are_matched_whatever_their_stride() {
        let tight = [[2; 8], [1; 8]].concat();
        let frames = [recorded(0, 4, 0, 8), recorded(3, 4, 8, 8)];
        assert_eq!(judge(&frames, &tight), Ok(vec![1, 0]));
        let padded = [2, 2, 2, 2, 9, 9, 2, 2, 2, 2];
        assert_eq!(judge(&[recorded(0, 6, 0, 10)], &padded), Ok(vec![1]));
    }

    #[test]
    fn wrong_frames_orders_and_dumps_are_refused() {
        let tight = [[2; 8], [1; 8]].concat();
        let backwards = [recorded(3, 4, 0, 8), recorded(2, 4, 8, 8)];
        assert!(judge(&backwards, &tight).is_err());
        assert!(judge(&[recorded(0, 4, 9, 8)], &tight).is_err());
        assert!(judge(&[recorded(0, 4, usize::MAX, 8)], &tight).is_err());
        assert!(
            judge(&[recorded(0, 4, 4, 8)], &tight)
                .unwrap_err()
                .contains("4 bytes differ")
        );
        assert!(judge(&[], &tight).is_err());
    }
}
