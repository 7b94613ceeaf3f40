//! One live line for a person at a terminal.

use crate::class::ObjectClass;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Stderr, Write};
use std::time::{Duration, Instant};

/// Goes to the left edge of a terminal and clears the line. Whoever writes to a terminal on
/// which a [`StatusLine`] is live (a logger, say) begins with this.
pub const LINE_CLEAR: &str = "\r\x1b[K";

/// Time between two drawings of the line.
const REDRAW_PERIOD: Duration = Duration::from_millis(250);

/// Columns taken for granted where a terminal does not tell its width.
const COLUMNS_DEFAULT: usize = 80;

/// What the live line shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatusInput {
    /// Frames published so far.
    pub frames: u64,
    /// Frames published per second, lately.
    pub frames_per_s: f32,
    /// Median age of frames at publication in microseconds; `None` before the first.
    pub age_us_p50: Option<u64>,
    /// 99th percentile of that age in microseconds.
    pub age_us_p99: Option<u64>,
    /// Frames and messages lost so far, of all causes.
    pub drops: u64,
    /// What the source is doing: "streaming", "lost, trying again in 2 s" and the like.
    pub capture_state: String,
    /// Objects in the newest frame, by class index.
    pub objects: [u32; ObjectClass::COUNT],
}

/// One line on a terminal, redrawn a few times a second.
pub struct StatusLine<W: Write = Stderr> {
    terminal: W,
    columns: fn() -> usize,
    text: String,
    drawn_at: Option<Instant>,
}

impl StatusLine<Stderr> {
    /// On standard error; `None` when that is no terminal, or one that cannot redraw a line.
    pub fn on_stderr() -> Option<Self> {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let terminal = io::stderr();
        (terminal.is_terminal() && !is_dumb).then(|| Self::new(terminal, stderr_columns))
    }
}

fn stderr_columns() -> usize {
    let size = terminal_size::terminal_size_of(io::stderr());
    size.map_or(COLUMNS_DEFAULT, |(width, _)| usize::from(width.0))
}

impl<W: Write> StatusLine<W> {
    /// On any terminal; `columns` gives its present width in characters.
    pub fn new(terminal: W, columns: fn() -> usize) -> Self {
        Self {
            terminal,
            columns,
            text: String::with_capacity(256),
            drawn_at: None,
        }
    }

    /// Draws the line anew when the last time was a quarter of a second ago; call it often.
    pub fn update(&mut self, input: &StatusInput) {
        if self.drawn_at.is_none_or(|at| at.elapsed() >= REDRAW_PERIOD) {
            self.draw(input);
        }
    }

    /// Draws the line at once.
    pub fn draw(&mut self, input: &StatusInput) {
        self.text.clear();
        self.text.push_str(LINE_CLEAR);
        // A character in the last column makes some terminals go on to the next line.
        status_text(input, (self.columns)().saturating_sub(1), &mut self.text);
        // A terminal that went away is no reason to stop looking at the road.
        let _ = self.terminal.write_all(self.text.as_bytes());
        let _ = self.terminal.flush();
        self.drawn_at = Some(Instant::now());
    }
}

impl<W: Write> Drop for StatusLine<W> {
    /// Leaves an empty line with the cursor at its start.
    fn drop(&mut self) {
        if self.drawn_at.is_some() {
            let _ = self.terminal.write_all(LINE_CLEAR.as_bytes());
            let _ = self.terminal.flush();
        }
    }
}

/// Appends the line to `out`, without control characters, at most `columns` characters.
pub fn status_text(input: &StatusInput, columns: usize, out: &mut String) {
    let start = out.len();
    // Writing to a string cannot fail.
    let _ = write!(out, "{:.1} fps | age p50 ", input.frames_per_s);
    push_ms(out, input.age_us_p50);
    out.push_str(" p99 ");
    push_ms(out, input.age_us_p99);
    let _ = write!(out, " | lost {} | ", input.drops);
    out.extend(input.capture_state.chars().filter(|c| !c.is_control()));
    out.push_str(" |");
    let seen = ObjectClass::ALL
        .into_iter()
        .zip(input.objects)
        .filter(|(_, count)| *count > 0);
    for (class, count) in seen {
        let _ = write!(out, " {count} {class}");
    }
    if input.objects.iter().all(|count| *count == 0) {
        out.push_str(" nothing in sight");
    }
    if let Some((end, _)) = out[start..].char_indices().nth(columns) {
        out.truncate(start + end);
    }
}

/// Microseconds as milliseconds, `-` for none.
pub(super) fn push_ms(out: &mut String, age_us: Option<u64>) {
    // Writing to a string cannot fail.
    let _ = match age_us {
        Some(us) if us < 10_000 => write!(out, "{:.1} ms", us as f64 / 1e3),
        Some(us) => write!(out, "{:.0} ms", us as f64 / 1e3),
        None => write!(out, "-"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input() -> StatusInput {
        let mut objects = [0; ObjectClass::COUNT];
        objects[ObjectClass::Car.index()] = 3;
        objects[ObjectClass::Rider.index()] = 1;
        StatusInput {
            frames: 100,
            frames_per_s: 12.34,
            age_us_p50: Some(7_250),
            age_us_p99: Some(61_900),
            drops: 5,
            capture_state: "strea\x1bming".into(),
            objects,
        }
    }

    fn text(input: &StatusInput, columns: usize) -> String {
        let mut out = String::from("before ");
        status_text(input, columns, &mut out);
        out
    }

    #[test]
    fn the_line_tells_all_and_has_no_control_characters() {
        let expected = "before 12.3 fps | age p50 7.2 ms p99 62 ms | lost 5 | streaming | \
                        3 car 1 rider";
        assert_eq!(text(&input(), 200), expected);
        let empty = text(&StatusInput::default(), 200);
        assert!(
            empty.contains("p50 - p99 -") && empty.ends_with("nothing in sight"),
            "{empty}"
        );
    }

    #[test]
    fn the_line_is_cut_at_the_width_of_the_terminal() {
        let mut wide = input();
        wide.capture_state = "kein Signal — später".into();
        for columns in 0..=90 {
            let cut = text(&wide, columns);
            assert_eq!(
                cut.chars().count(),
                (7 + columns).min(text(&wide, 500).chars().count())
            );
        }
    }

    #[test]
    fn drawing_keeps_to_one_line_and_leaves_it_empty() {
        let mut screen = Vec::new();
        let mut line = StatusLine::new(&mut screen, || 20);
        line.draw(&input());
        line.update(&input());
        drop(line);
        let screen = String::from_utf8_lossy(&screen).into_owned();
        assert!(!screen.contains('\n'));
        let drawings: Vec<_> = screen.split(LINE_CLEAR).collect();
        assert_eq!(drawings.first(), Some(&""));
        assert_eq!(drawings.last(), Some(&""));
        assert_eq!(drawings.get(1).map(|d| d.chars().count()), Some(19));
    }
}
