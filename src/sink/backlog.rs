//! What a slow reader has not taken yet.

use super::BACKLOG_BYTES_MAX;
use std::collections::VecDeque;

/// Lines that a reader has not taken yet. Each ends with the only newline in it.
#[derive(Default)]
pub(super) struct Backlog {
    pub(super) bytes: VecDeque<u8>,
    /// Whether the reader already has the beginning of the first line.
    is_mid_line: bool,
    /// Lines dropped so far.
    pub(super) lost: u64,
}

impl Backlog {
    /// Keeps what follows the first `sent` bytes of `line`; drops oldest whole lines to make
    /// room. `sent` is over 0 only when nothing else waits.
    pub(super) fn keep(&mut self, line: &[u8], sent: usize) {
        let rest = &line[sent..];
        if rest.is_empty() {
            return;
        }
        while self.bytes.len() + rest.len() > BACKLOG_BYTES_MAX {
            if !self.drop_oldest_line() {
                // Not even an otherwise empty backlog has room for this line.
                self.lost += 1;
                return;
            }
        }
        if self.bytes.is_empty() {
            self.is_mid_line = sent > 0;
            // At once in full: growing by doubling would end well beyond the limit, and the
            // operating system provides the memory only as far as it is used.
            self.bytes.reserve_exact(BACKLOG_BYTES_MAX);
        }
        self.bytes.extend(rest);
    }

    /// Notes that the first `count` bytes were sent.
    pub(super) fn sent(&mut self, count: usize) {
        if let Some(last) = count.checked_sub(1).and_then(|last| self.bytes.get(last)) {
            self.is_mid_line = *last != b'\n';
        }
        self.bytes.drain(..count.min(self.bytes.len()));
    }

    /// Drops the oldest line of which nothing was sent yet; `false` when there is none.
    fn drop_oldest_line(&mut self) -> bool {
        let start = if self.is_mid_line {
            self.line_end(0)
        } else {
            0
        };
        let end = self.line_end(start);
        self.bytes.drain(start..end);
        self.lost += u64::from(end > start);
        end > start
    }

    /// Where the line that begins at `start` ends, its newline included.
    fn line_end(&self, start: usize) -> usize {
        let newline = self.bytes.range(start..).position(|byte| *byte == b'\n');
        newline.map_or(self.bytes.len(), |at| start + at + 1)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// However a reader takes its bytes, it gets whole lines in order, and those it misses
        /// are counted.
        #[test]
        fn backlog_keeps_whole_lines(
            steps in proptest::collection::vec(
                // Bytes of a line, bytes of it sent at once, and bytes taken afterwards:
                // mostly none, so that the backlog overflows.
                (
                    1usize..200_000,
                    0usize..300_000,
                    prop_oneof![9 => Just(0), 1 => 0usize..2_000_000],
                ),
                1..60,
            ),
        ) {
            let mut backlog = Backlog::default();
            let mut received: Vec<u8> = Vec::new();
            for (number, (line_bytes, sent, taken)) in steps.iter().enumerate() {
                let mut line = format!("{number} {}", "x".repeat(*line_bytes)).into_bytes();
                line.push(b'\n');
                let sent = if backlog.bytes.is_empty() { (*sent).min(line.len()) } else { 0 };
                received.extend(&line[..sent]);
                backlog.keep(&line, sent);
                prop_assert!(backlog.bytes.len() <= BACKLOG_BYTES_MAX);
                let taken = (*taken).min(backlog.bytes.len());
                received.extend(backlog.bytes.range(..taken));
                backlog.sent(taken);
            }
            received.extend(backlog.bytes.iter());
            let numbers: Vec<usize> = std::str::from_utf8(&received).unwrap().lines().map(|line| {
                let (number, rest) = line.split_once(' ').unwrap();
                let number: usize = number.parse().unwrap();
                assert_eq!(rest.len(), steps[number].0, "line {number} is torn");
                number
            }).collect();
            prop_assert!(numbers.is_sorted());
            prop_assert_eq!(numbers.len() as u64 + backlog.lost, steps.len() as u64);
        }
    }
}
