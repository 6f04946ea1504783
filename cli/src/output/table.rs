//! The one table printer. On a terminal a table is as wide as that at the most and has colours, unless `NO_COLOR` is set;
//! elsewhere each row is one line of plain text, for `grep` and `awk`.

use std::io::{self, IsTerminal};

use comfy_table::{Attribute, CellAlignment, Color, ContentArrangement, presets};

/// How a table is to look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// How wide it may be; without end when there is no terminal.
    pub(crate) width: Option<u16>,
    /// Whether it has colours.
    pub(crate) colour: bool,
}

impl Look {
    /// What suits standard output.
    pub(crate) fn of_stdout() -> Self {
        if !io::stdout().is_terminal() {
            return Self { width: None, colour: false };
        }
        let mut probe = comfy_table::Table::new();
        let width = probe.set_content_arrangement(ContentArrangement::Dynamic).width();
        Self { width, colour: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) }
    }
}

/// A column's title and side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    title: &'static str,
    right: bool,
}

impl Column {
    /// Words.
    pub(crate) const fn text(title: &'static str) -> Self {
        Self { title, right: false }
    }

    /// Numbers, which compare well at the right.
    pub(crate) const fn number(title: &'static str) -> Self {
        Self { title, right: true }
    }
}

/// What a cell's colour says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Nothing.
    #[default]
    Plain,
    /// All is well.
    Good,
    /// It is on its way, or was ended on purpose.
    Middling,
    /// Something is wrong.
    Bad,
}

/// One cell.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A cell whose colour says something.
    pub(crate) fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), tone: Tone::Plain }
    }
}

/// Columns and rows.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    columns: &'static [Column],
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table with no rows yet.
    pub(crate) fn new(columns: &'static [Column]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// One row more.
    ///
    /// # Panics
    /// When it has not one cell for each column.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        assert_eq!(cells.len(), self.columns.len(), "a cell for each column");
        self.rows.push(cells);
    }

    /// Whether no cell has to be broken into lines.
    pub(crate) fn fits(&self, look: Look) -> bool {
        let natural = self.render(Look { width: None, colour: false });
        look.width.is_none_or(|width| natural.lines().all(|line| line.chars().count() <= usize::from(width)))
    }

    /// The table as text, without a newline at its end.
    pub(crate) fn render(&self, look: Look) -> String {
        let mut table = comfy_table::Table::new();
        table.load_preset(presets::NOTHING);
        match look.width {
            Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
            None => table.set_content_arrangement(ContentArrangement::Disabled),
        };
        if look.colour {
            table.enforce_styling()
        } else {
            table.force_no_tty()
        };
        table.set_header(self.columns.iter().map(|column| header(*column, look.colour)));
        for row in &self.rows {
            table.add_row(row.iter().zip(self.columns).map(|(cell, column)| drawn(cell, *column, look.colour)));
        }
        // Nothing stands behind the last column, and a terminal of 80 columns has none to spare.
        for (at, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, if at + 1 == self.columns.len() { 0 } else { 2 }));
        }
        let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        lines.join("\n")
    }
}

fn header(column: Column, colour: bool) -> comfy_table::Cell {
    let cell = aligned(comfy_table::Cell::new(column.title), column);
    if colour { cell.add_attribute(Attribute::Bold) } else { cell }
}

fn drawn(cell: &Cell, column: Column, colour: bool) -> comfy_table::Cell {
    // A control character in a name could move the cursor, and a line break would tear the row.
    let text: String = cell.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let drawn = aligned(comfy_table::Cell::new(text), column);
    match cell.tone {
        Tone::Good if colour => drawn.fg(Color::DarkGreen),
        Tone::Middling if colour => drawn.fg(Color::DarkYellow),
        Tone::Bad if colour => drawn.fg(Color::DarkRed),
        _ => drawn,
    }
}

fn aligned(cell: comfy_table::Cell, column: Column) -> comfy_table::Cell {
    cell.set_alignment(if column.right { CellAlignment::Right } else { CellAlignment::Left })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[Column::text("TASK"), Column::number("CPU"), Column::text("NOTE")];

    fn table() -> Table {
        let mut table = Table::new(COLUMNS);
        table.row(vec!["sort".into(), "0.25".into(), "a note that is long enough to be wrapped on a narrow terminal".into()]);
        table.row(vec![Cell::toned("hog\x1b[31m\n", Tone::Bad), "12.00".into(), "".into()]);
        table
    }

    #[test]
    fn without_a_terminal_a_row_is_a_line() {
        let text = table().render(Look { width: None, colour: false });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[1].contains("on a narrow terminal"));
        assert!(!text.contains('\x1b'), "{text:?}");
    }

    #[test]
    fn a_table_fits_its_terminal() {
        let text = table().render(Look { width: Some(40), colour: false });
        assert!(text.lines().count() > 3);
        assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
        let fits = |width| table().fits(Look { width, colour: true });
        assert!(fits(None) && fits(Some(200)) && !fits(Some(40)));
    }

    #[test]
    fn colours_are_there_when_asked_for() {
        assert!(table().render(Look { width: Some(80), colour: true }).contains("\x1b["));
    }
}
