//! The roof: what is typed, shown and answered at the terminal, and the composition root.

pub mod escape;
pub mod terminal;
mod tty;
