//! The program as its users meet it: arguments in; output, exit code and rows out.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod archive;
mod browser;
mod compress;
mod config;
mod demo;
mod doctor;
mod faults;
mod figures;
mod hooks;
mod ingest;
mod jobs;
mod log;
mod logs;
mod migrate;
mod program;
mod quarantine;
mod queue;
mod retention;
mod search;
mod serve;
mod watching;
mod words;
