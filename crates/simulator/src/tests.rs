//! The simulator held against what it promises, and against the reader.

mod required;
mod round_trip;
mod traffic;
