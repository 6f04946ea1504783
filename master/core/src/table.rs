//! Tables with dense indices: inside the core everything is named by a small number, ids and strings stay at the edge.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

/// A small number that names a row of one kind of table. Reused after the row is removed.
pub trait Ix: Copy + Ord + fmt::Debug {
    /// The row at this place.
    fn new(place: usize) -> Self;
    /// The row's place.
    fn place(self) -> usize;
}

macro_rules! index {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(u32);

        impl Ix for $name {
            fn new(place: usize) -> Self {
                Self(u32::try_from(place).expect("a table has fewer than 2^32 rows: each takes over a hundred bytes"))
            }
            fn place(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index!(
    /// A row of the agents.
    AgentIx
);
index!(
    /// A row of the frameworks.
    FrameworkIx
);
index!(
    /// A row of the allocator's clients: one framework in one role.
    ClientIx
);
index!(
    /// A row of the tasks.
    TaskIx
);

/// Rows by index.
#[derive(Clone, Debug)]
pub(crate) struct Table<I, T> {
    rows: Vec<Option<T>>,
    unused: Vec<I>,
    kind: PhantomData<I>,
}

impl<I, T> Default for Table<I, T> {
    fn default() -> Self {
        Self { rows: Vec::new(), unused: Vec::new(), kind: PhantomData }
    }
}

impl<I: Ix, T> Table<I, T> {
    pub(crate) fn insert(&mut self, row: T) -> I {
        match self.unused.pop() {
            Some(ix) => {
                self.rows[ix.place()] = Some(row);
                ix
            }
            None => {
                self.rows.push(Some(row));
                I::new(self.rows.len() - 1)
            }
        }
    }

    /// Takes a row out. Its index may be given to the next one.
    pub(crate) fn remove(&mut self, ix: I) -> Option<T> {
        let row = self.rows.get_mut(ix.place())?.take()?;
        self.unused.push(ix);
        Some(row)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (I, &T)> {
        self.rows.iter().enumerate().filter_map(|(place, row)| Some((I::new(place), row.as_ref()?)))
    }

    pub(crate) fn indices(&self) -> Vec<I> {
        self.iter().map(|(ix, _)| ix).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len() - self.unused.len()
    }
}

impl<I: Ix, T> Index<I> for Table<I, T> {
    type Output = T;
    fn index(&self, ix: I) -> &T {
        self.rows[ix.place()].as_ref().expect("an index outlives no row: whoever removes a row removes its index everywhere")
    }
}

impl<I: Ix, T> IndexMut<I> for Table<I, T> {
    fn index_mut(&mut self, ix: I) -> &mut T {
        self.rows[ix.place()].as_mut().expect("an index outlives no row: whoever removes a row removes its index everywhere")
    }
}
