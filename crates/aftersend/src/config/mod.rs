//! Settings: what a flag says, else a variable of the environment, else the configuration file, else a default.
//!
//! [`keys`] says once what each setting is called in all of these places and how it is read; [`file`] finds and reads
//! the file; [`layers`] puts one over the other and remembers where each value came from; [`settings`] makes of it
//! what the commands work with. Nothing else in the program reads a variable that is also a setting.

mod archive;
mod database_url;
mod fault;
mod file;
mod hooks;
mod keys;
mod layers;
mod queues;
mod settings;
mod value;

#[cfg(test)]
mod tests;

pub(crate) use archive::Archive;
pub(crate) use fault::ConfigError;
pub(crate) use hooks::Hooks;
pub(crate) use layers::{Shown, Source};
pub(crate) use queues::Queue;
pub(crate) use settings::{Database, Flags, Settings};
