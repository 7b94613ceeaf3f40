//! Tests of the block on a screen of characters.

#![allow(clippy::unwrap_used)]
use super::*;
use indicatif::TermLike;
use std::sync::{Arc, Mutex};

/// A terminal that never scrolls.
#[derive(Clone, Debug, Default)]
struct Screen(Arc<Mutex<Cells>>);

#[derive(Debug, Default)]
struct Cells {
    rows: Vec<Vec<char>>,
    row: usize,
    column: usize,
    flushes: usize,
}

impl Screen {
    fn contents(&self) -> Vec<String> {
        let cells = self.0.lock().unwrap();
        let rows = cells.rows.iter().map(|row| row.iter().collect::<String>());
        let mut rows: Vec<String> = rows.map(|row| row.trim_end().to_owned()).collect();
        while rows.last().is_some_and(String::is_empty) {
            rows.pop();
        }
        rows
    }

    fn flushes(&self) -> usize {
        self.0.lock().unwrap().flushes
    }
}

impl Cells {
    fn put(&mut self, c: char) {
        match c {
            '\r' => self.column = 0,
            '\n' => (self.row, self.column) = (self.row + 1, 0),
            c => {
                if self.column >= COLUMNS {
                    (self.row, self.column) = (self.row + 1, 0);
                }
                if self.rows.len() <= self.row {
                    self.rows.resize(self.row + 1, Vec::new());
                }
                let row = &mut self.rows[self.row];
                if row.len() <= self.column {
                    row.resize(self.column + 1, ' ');
                }
                row[self.column] = c;
                self.column += 1;
            }
        }
    }
}

const COLUMNS: usize = 40;

impl TermLike for Screen {
    fn width(&self) -> u16 {
        COLUMNS as u16
    }
    fn height(&self) -> u16 {
        20
    }
    fn move_cursor_up(&self, count: usize) -> std::io::Result<()> {
        let mut cells = self.0.lock().unwrap();
        cells.row = cells.row.saturating_sub(count);
        Ok(())
    }
    fn move_cursor_down(&self, count: usize) -> std::io::Result<()> {
        self.0.lock().unwrap().row += count;
        Ok(())
    }
    fn move_cursor_right(&self, count: usize) -> std::io::Result<()> {
        self.0.lock().unwrap().column += count;
        Ok(())
    }
    fn move_cursor_left(&self, count: usize) -> std::io::Result<()> {
        let mut cells = self.0.lock().unwrap();
        cells.column = cells.column.saturating_sub(count);
        Ok(())
    }
    fn write_line(&self, text: &str) -> std::io::Result<()> {
        self.write_str(text)?;
        self.write_str("\n")
    }
    fn write_str(&self, text: &str) -> std::io::Result<()> {
        let mut cells = self.0.lock().unwrap();
        text.chars().for_each(|c| cells.put(c));
        Ok(())
    }
    fn clear_line(&self) -> std::io::Result<()> {
        let mut cells = self.0.lock().unwrap();
        cells.column = 0;
        let row = cells.row;
        if let Some(row) = cells.rows.get_mut(row) {
            row.clear();
        }
        Ok(())
    }
    fn flush(&self) -> std::io::Result<()> {
        self.0.lock().unwrap().flushes += 1;
        Ok(())
    }
}

/// A state of plain words.
struct Words(Vec<String>);

impl Show for Words {
    fn lines(&self, _: Canvas) -> Vec<String> {
        self.0.clone()
    }
    fn line(&self) -> Option<String> {
        self.0.first().cloned()
    }
}

fn words(words: &[&str]) -> Words {
    Words(words.iter().map(|word| (*word).to_owned()).collect())
}

fn block_on(screen: &Screen) -> Block {
    let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
    let bar = ProgressBar::with_draw_target(None, target).with_style(style());
    let next = Instant::now();
    Block {
        output: Output::Screen { bar, next },
    }
}

#[test]
fn the_block_changes_in_place_and_its_end_stays() {
    let screen = Screen::default();
    let mut block = block_on(&screen);
    block.show(&words(&["one", "two", "three"]));
    assert_eq!(screen.contents(), ["one", "two", "three"]);
    let flushes = screen.flushes();
    for _ in 0..100 {
        block.show(&words(&["flicker"]));
    }
    assert_eq!(screen.contents(), ["one", "two", "three"]);
    assert_eq!(screen.flushes(), flushes, "drawn too often");
    block.finish(&words(&["four", "five"]));
    assert_eq!(screen.contents(), ["four", "five"]);
}

#[test]
fn notes_find_the_screen_without_the_block() {
    let screen = Screen::default();
    let mut block = block_on(&screen);
    block.show(&words(&["one", "two"]));
    // The note itself goes to standard error; what counts is that the block makes room.
    block.note("a note");
    assert_eq!(screen.contents(), ["one", "two"]);
    assert!(
        screen.flushes() >= 3,
        "the block was not taken away and drawn again"
    );
    block.finish(&words(&["end"]));
    assert_eq!(screen.contents(), ["end"]);
}

#[test]
fn without_a_terminal_time_alone_writes_nothing() {
    static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let write: fn(&str) = |line| LINES.lock().unwrap().push(line.into());
    let mut block = Block::of_lines(Duration::from_secs(3600), write);
    block.tick(&words(&["tick"]));
    block.show(&words(&[]));
    block.show(&words(&["one"]));
    block.show(&words(&["two"]));
    block.note("note");
    block.finish(&words(&["end"]));
    assert_eq!(*LINES.lock().unwrap(), ["one", "note", "end"]);
}
