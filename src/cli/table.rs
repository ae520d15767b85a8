//! Tables with aligned columns.

use std::fmt::Write;

use anstyle::Style;

/// How a column is aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A table: a heading and rows with as many cells.
#[derive(Debug)]
pub struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub fn new(columns: &[(&'static str, Align)]) -> Table {
        Table { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; a cell for each column.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| printable(&cell)).collect());
    }

    /// The lines of the table, each behind `indent`, with the heading in bold.
    pub fn to_text(&self, indent: &str) -> String {
        let heading: Vec<String> =
            self.columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        let bold = Style::new().bold();
        let heading = self.line(&self.widths(), &heading);
        format!("{indent}{bold}{heading}{bold:#}\n{}", self.rows_to_text(indent))
    }

    /// The same without the heading.
    pub fn rows_to_text(&self, indent: &str) -> String {
        let widths = self.widths();
        self.rows.iter().map(|row| format!("{indent}{}\n", self.line(&widths, row))).collect()
    }

    /// The width of each column in characters.
    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> =
            self.columns.iter().map(|(name, _)| name.chars().count()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        widths
    }

    fn line(&self, widths: &[usize], cells: &[String]) -> String {
        let mut line = String::new();
        for (at, ((cell, width), (_, align))) in
            cells.iter().zip(widths).zip(&self.columns).enumerate()
        {
            let (width, gap) = (*width, if at == 0 { "" } else { "  " });
            // Writing to a string does not fail.
            let _ = match align {
                Align::Left => write!(line, "{gap}{cell:<width$}"),
                Align::Right => write!(line, "{gap}{cell:>width$}"),
            };
        }
        line.trim_end().to_owned()
    }
}

/// A text from an object without what a terminal would act on.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
