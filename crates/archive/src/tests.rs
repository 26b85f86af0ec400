//! The archive against real databases and real storage.

mod bodies;
mod erasure;
mod faults;
mod ground;
mod late;
mod retention;
mod round_trip;
mod runs;
mod s3;
mod set_semantics;
