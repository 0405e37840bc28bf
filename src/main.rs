//! The program: parse arguments, run, turn the result into an exit code.

fn main() {}
