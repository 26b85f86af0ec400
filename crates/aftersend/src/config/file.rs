//! The configuration file: where it is looked for, and what stands in it.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{File, Metadata},
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    fault::{ConfigError, Fault, Position, nearest},
    keys::{self, About},
    layers::Environment,
    value::Value,
};

/// Bytes of a configuration file at most; a longer one is something else.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

const FILE_NAME: &str = "aftersend.toml";
const FLAG: &str = "--config";
const VARIABLE: &str = "AFTERSEND_CONFIG";

/// The table that may stand there several times.
const QUEUES: &str = "queue";

/// A configuration file that was read.
#[derive(Debug, Default)]
pub(super) struct ConfigFile {
    pub(super) path: PathBuf,
    /// Whether users who are neither its owner nor of its group may read it.
    is_open: bool,
    pub(super) root: Table,
    /// The tables that stand there once, by name.
    pub(super) tables: BTreeMap<String, Table>,
    /// The `[[queue]]` tables in their order.
    pub(super) queues: Vec<Table>,
    /// What is no TOML, and what nobody knows.
    pub(super) faults: Vec<Fault>,
}

/// A table's keys that are known, with values of any kind.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) position: Position,
    pub(super) entries: BTreeMap<String, Entry>,
    /// Whether it has keys that nobody knows: one of them may be meant for one that is missing.
    pub(super) has_unknown: bool,
}

/// A key's value.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) value: Value,
    /// Of the key.
    pub(super) position: Position,
}

impl Default for Table {
    fn default() -> Self {
        Self { position: Position { line: 1, column: 1 }, entries: BTreeMap::new(), has_unknown: false }
    }
}

impl Table {
    pub(super) fn position_of(&self, key: &str) -> Option<Position> {
        self.entries.get(key).map(|entry| entry.position)
    }
}

impl ConfigFile {
    /// Finds and reads the file: the one that the flag names, else the one that the variable names, else the first in
    /// the usual places. Only the usual places may be empty.
    pub(super) fn find(
        flag: Option<&Path>,
        environment: Environment<'_>,
    ) -> Result<Option<Self>, ConfigError> {
        let variable = || set(environment(VARIABLE)).map(PathBuf::from);
        let named = flag.map(|path| (FLAG, path.to_owned())).or_else(|| Some((VARIABLE, variable()?)));
        if let Some((named_by, path)) = named {
            let path = std::path::absolute(&path).unwrap_or(path);
            return match read(&path) {
                Ok((text, metadata)) => Ok(Some(Self::parse(path, &text, is_open(&metadata)))),
                Err(reason) => Err(ConfigError::Named { named_by, path, reason }),
            };
        }
        for (place, path) in usual_places(environment) {
            let path = std::path::absolute(&path).unwrap_or(path);
            match read(&path) {
                Ok((_, metadata)) if place == Usual::CurrentFolder && is_foreign(&metadata) => {
                    return Err(ConfigError::Foreign { path });
                }
                Ok((text, metadata)) => return Ok(Some(Self::parse(path, &text, is_open(&metadata)))),
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
                Err(reason) => return Err(ConfigError::Found { path, reason }),
            }
        }
        Ok(None)
    }

    /// Reads what stands in a file. What is wrong with it is among its faults.
    pub(super) fn parse(path: PathBuf, bytes: &[u8], is_open: bool) -> Self {
        let mut file = Self { path, is_open, ..Self::default() };
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
                let position = Position::of(&valid, error.valid_up_to());
                file.fault(position, "this is not UTF-8, as TOML has to be");
                return file;
            }
        };
        file.read(text);
        file
    }

    fn read(&mut self, text: &str) {
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let position = Position::of(text, error.span().map_or(0, |span| span.start));
            // The message alone: what is printed with it quotes the line, which may hold a password.
            self.fault(position, format!("this is no TOML: {}", error.message()));
        }
        // Half a document would bring up faults that are none.
        if errors.is_empty() {
            self.read_root(text, document.get_ref());
        }
    }

    fn read_root(&mut self, text: &str, document: &DeTable<'_>) {
        for (key, value) in document {
            let name: &str = key.get_ref();
            let position = Position::of(text, key.span().start);
            if name == QUEUES {
                self.read_queues(text, position, value.get_ref());
            } else if is_table(name) {
                match value.get_ref() {
                    DeValue::Table(table) => {
                        let table = self.read_table(text, Some(name), position, table);
                        self.tables.insert(name.to_owned(), table);
                    }
                    _ => self.fault(position, format!("`{name}` is a table; write [{name}]")),
                }
            } else if is_key(None, name) {
                self.root.entries.insert(name.to_owned(), entry(text, key, value));
            } else {
                let what = unknown(None, name, matches!(value.get_ref(), DeValue::Table(_)));
                self.fault(position, what);
            }
        }
    }

    fn read_queues(&mut self, text: &str, position: Position, value: &DeValue<'_>) {
        let DeValue::Array(tables) = value else {
            self.fault(position, "there may be several queues; write [[queue]], with two brackets");
            return;
        };
        for table in tables {
            let position = Position::of(text, table.span().start);
            match table.get_ref() {
                DeValue::Table(keys) => {
                    let table = self.read_table(text, Some(QUEUES), position, keys);
                    self.queues.push(table);
                }
                _ => self.fault(position, "a queue is a table; write [[queue]], and its keys below"),
            }
        }
    }

    fn read_table(
        &mut self,
        text: &str,
        name: Option<&str>,
        position: Position,
        table: &DeTable<'_>,
    ) -> Table {
        let mut known = Table { position, ..Table::default() };
        for (key, value) in table {
            let key_name: &str = key.get_ref();
            if is_key(name, key_name) {
                known.entries.insert(key_name.to_owned(), entry(text, key, value));
            } else {
                known.has_unknown = true;
                let what = unknown(name, key_name, matches!(value.get_ref(), DeValue::Table(_)));
                self.fault(Position::of(text, key.span().start), what);
            }
        }
        known
    }

    fn fault(&mut self, position: Position, what: impl Into<String>) {
        self.faults.push(Fault::in_file(&self.path, position, what));
    }

    /// The folder that it is in.
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// What to say of a file with a secret that everybody may read.
    pub(super) fn too_open(&self) -> Option<String> {
        let path = self.path.display();
        self.is_open.then(|| {
            format!(
                "warning: the configuration file {path} holds a password, and every user of this machine may read it: \
                 chmod o-r {path}"
            )
        })
    }
}

/// The places where a file is looked for unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usual {
    /// Where the program is started. Others may have put a file there.
    CurrentFolder,
    /// One for this user or this machine.
    Settled,
}

/// <https://specifications.freedesktop.org/basedir-spec/latest/>
pub(super) fn usual_places(environment: Environment<'_>) -> Vec<(Usual, PathBuf)> {
    let folder = |name| set(environment(name)).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let config_home = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")));
    let mut places = vec![(Usual::CurrentFolder, PathBuf::from(FILE_NAME))];
    places.extend(config_home.map(|home| (Usual::Settled, home.join("aftersend").join(FILE_NAME))));
    places.push((Usual::Settled, Path::new("/etc/aftersend").join(FILE_NAME)));
    places
}

/// An empty variable is one that is not set.
fn set(value: Option<OsString>) -> Option<OsString> {
    value.filter(|value| !value.is_empty())
}

fn read(path: &Path) -> io::Result<(Vec<u8>, Metadata)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other(format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    Ok((bytes, metadata))
}

/// Whether everybody may read it.
fn is_open(metadata: &Metadata) -> bool {
    metadata.is_file() && metadata.mode() & 0o004 != 0
}

/// Whether somebody other than this user and root may decide what stands in it.
fn is_foreign(metadata: &Metadata) -> bool {
    let owner = metadata.uid();
    let is_ours = owner == 0 || owner == rustix::process::geteuid().as_raw();
    !is_ours || metadata.mode() & 0o002 != 0
}

fn is_key(table: Option<&str>, key: &str) -> bool {
    keys::ALL.iter().any(|about| about.table_and_key() == (table, key))
}

fn is_table(name: &str) -> bool {
    keys::ALL.iter().any(|about| about.table_and_key().0 == Some(name))
}

fn entry(text: &str, key: &Spanned<impl Sized>, value: &Spanned<DeValue<'_>>) -> Entry {
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        // TOML's numbers have signs, underscores and radixes; one beyond 64 bits is out of every setting's bounds.
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Value::Other("a number beyond 64 bits"), Value::Number),
        DeValue::Float(_) => Value::Other("a number with a fraction"),
        DeValue::Boolean(truth) => Value::Truth(*truth),
        DeValue::Datetime(_) => Value::Other("a date or time"),
        DeValue::Array(items) => texts(items.iter().map(Spanned::get_ref)).unwrap_or(Value::Other("a list")),
        DeValue::Table(_) => Value::Other("a table"),
    };
    Entry { value, position: Position::of(text, key.span().start) }
}

/// A list, if it is one of texts.
fn texts<'a>(items: impl Iterator<Item = &'a DeValue<'a>>) -> Option<Value> {
    let texts = items.map(|item| match item {
        DeValue::String(text) => Some(text.to_string()),
        _ => None,
    });
    texts.collect::<Option<Vec<String>>>().map(Value::Texts)
}

/// What to say of a key that nobody knows. The same key in another table is more likely meant than a similar one
/// in this.
fn unknown(table: Option<&str>, key: &str, is_table: bool) -> String {
    let full = |key: &str| table.map_or(key.to_owned(), |table| format!("{table}.{key}"));
    let what = if is_table && table.is_none() { "table" } else { "key" };
    let begin = format!("unknown {what} `{}`", full(key));
    if let Some(about) = keys::ALL.iter().find(|about| about.table_and_key().1 == key) {
        return format!("{begin}; {}", place_of(about));
    }
    let all = || keys::ALL.iter().map(|about| about.table_and_key());
    let mut names: Vec<&str> = all().filter(|(other, _)| *other == table).map(|(_, key)| key).collect();
    if table.is_none() {
        names.extend(all().filter_map(|(table, _)| table));
        names.dedup();
    }
    match nearest(key, names.iter().copied()) {
        Some(near) => format!("{begin}; did you mean `{near}`?"),
        None => format!("{begin}; there are: {}", names.join(", ")),
    }
}

fn place_of(about: &About) -> String {
    match about.table_and_key() {
        (None, key) => format!("`{key}` belongs above the first [table]"),
        (Some(QUEUES), key) => format!("`{key}` belongs in a [[queue]]"),
        (Some(table), key) => format!("`{key}` belongs in [{table}]"),
    }
}
