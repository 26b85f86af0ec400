//! The program as its users meet it: arguments in; output, exit code and rows out.

mod demo;
mod ingest;
mod migrate;
mod program;
mod queue;
mod serve;
mod words;
