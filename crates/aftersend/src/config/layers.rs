//! One place where a setting may stand over the other.

use std::{
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

use super::{
    fault::{Fault, Place, Position},
    file::Table,
    keys::{Default, Key},
    value::Raw,
};

/// The variables of the environment.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Where a value came from, the strongest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    Flag(&'static str),
    Variable(&'static str),
    File { path: PathBuf, line: usize },
    Default,
}

impl Source {
    /// How strong it is, whichever flag, variable or line it is: smaller is stronger.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Flag(_) => 0,
            Self::Variable(_) => 1,
            Self::File { .. } => 2,
            Self::Default => 3,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "flag {flag}"),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A setting for people who ask what holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Its key; that of a queue's with the queue's name in it.
    pub(crate) key: String,
    /// Its value without secrets, if it has one.
    pub(crate) value: Option<String>,
    /// What holds without a value, in words.
    pub(crate) otherwise: &'static str,
    pub(crate) source: Source,
}

/// A value and where it came from.
#[derive(Clone, Debug)]
pub(super) struct Taken<T> {
    pub(super) value: Option<T>,
    pub(super) source: Source,
}

impl<T> Taken<T> {
    /// What nobody has given.
    pub(super) const NOTHING: Self = Self { value: None, source: Source::Default };
}

/// Where in the file a setting may stand, and what it is called for people.
#[derive(Clone)]
pub(super) struct Scope<'a> {
    pub(super) table: Option<&'a Table>,
    /// What stands before a key, such as `ingest.`.
    pub(super) label: String,
}

/// The layers, and what taking settings from them has brought to light.
pub(super) struct Layers<'a> {
    environment: Environment<'a>,
    /// The file's path.
    path: Option<&'a Path>,
    pub(super) shown: Vec<Shown>,
    pub(super) faults: Vec<Fault>,
    /// Whether the file holds a secret.
    pub(super) has_secret_in_file: bool,
}

impl<'a> Layers<'a> {
    pub(super) fn new(environment: Environment<'a>, path: Option<&'a Path>) -> Self {
        Self { environment, path, shown: Vec::new(), faults: Vec::new(), has_secret_in_file: false }
    }

    /// The file without what stands over it.
    pub(super) fn file_alone(&self) -> Self {
        Self::new(&|_| None, self.path)
    }

    /// A variable's value. An empty one counts as not set: so a shell or a unit file takes one away.
    pub(super) fn variable(&mut self, name: &'static str) -> Option<String> {
        let value = (self.environment)(name)?;
        let Ok(text) = value.into_string() else {
            self.fault(Place::Variable(name), "it is not UTF-8");
            return None;
        };
        Some(text).filter(|text| !text.is_empty())
    }

    pub(super) fn fault(&mut self, place: Place, what: impl Into<String>) {
        let fault = Fault { place, what: what.into() };
        // Each queue looks at the same variables.
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    /// Notes a fault at a place of the file.
    pub(super) fn fault_in_file(&mut self, position: Position, what: impl Into<String>) {
        let place = self.path.map_or(Place::Nowhere, |path| Place::File { path: path.to_owned(), position });
        self.fault(place, what);
    }

    /// A setting from the strongest layer that has it. One that can't be read is a fault, and counts as missing.
    ///
    /// A key with a fixed default always has a value.
    pub(super) fn take<T>(&mut self, key: &Key<T>, scope: &Scope<'_>, flag: Option<T>) -> Taken<T> {
        let taken = self.take_given(key, scope, flag);
        let taken = taken.unwrap_or_else(|| Taken {
            value: match key.about.default {
                Default::Fixed(text) => (key.read)(Raw::Text(text)).ok(),
                Default::Depends(_) => None,
            },
            source: Source::Default,
        });
        self.show(key, scope, &taken);
        taken
    }

    /// A setting that is another one's where nobody gives it.
    pub(super) fn take_or<T: Clone>(
        &mut self,
        key: &Key<T>,
        scope: &Scope<'_>,
        flag: Option<T>,
        otherwise: &Taken<T>,
    ) -> Option<T> {
        let taken = self.take_given(key, scope, flag).unwrap_or_else(|| otherwise.clone());
        self.show(key, scope, &taken);
        taken.value
    }

    /// A setting that somebody has given. What a stronger layer hides is read, too: its faults are told now, and not
    /// on the day when it comes to light.
    pub(super) fn take_given<T>(
        &mut self,
        key: &Key<T>,
        scope: &Scope<'_>,
        flag: Option<T>,
    ) -> Option<Taken<T>> {
        let in_file = self.take_from_file(key, scope);
        let in_environment = self.take_from_environment(key);
        let in_flag = flag.zip(key.about.flag).map(|(value, name)| (value, Source::Flag(name)));
        let (value, source) = in_flag.or(in_environment).or(in_file)?;
        Some(Taken { value: Some(value), source })
    }

    fn take_from_environment<T>(&mut self, key: &Key<T>) -> Option<(T, Source)> {
        let name = key.about.variable?;
        let text = self.variable(name)?;
        match (key.read)(Raw::Text(&text)) {
            Ok(value) => Some((value, Source::Variable(name))),
            Err(what) => {
                self.fault(Place::Variable(name), what);
                None
            }
        }
    }

    pub(super) fn take_from_file<T>(&mut self, key: &Key<T>, scope: &Scope<'_>) -> Option<(T, Source)> {
        let (_, name) = key.about.table_and_key();
        let entry = scope.table?.entries.get(name)?;
        match (key.read)(Raw::File(&entry.value)) {
            Ok(value) => {
                self.has_secret_in_file |= (key.is_secret)(&value);
                let path = self.path.map(Path::to_owned).unwrap_or_default();
                Some((value, Source::File { path, line: entry.position.line }))
            }
            Err(what) => {
                self.fault_in_file(entry.position, format!("`{}`: {what}", key.about.name));
                None
            }
        }
    }

    /// Remembers a value for those who ask.
    pub(super) fn show<T>(&mut self, key: &Key<T>, scope: &Scope<'_>, taken: &Taken<T>) {
        let otherwise = match key.about.default {
            Default::Fixed(text) | Default::Depends(text) => text,
        };
        self.show_as(key, scope, taken, otherwise);
    }

    /// The same, with words of its own for a value that is not there.
    pub(super) fn show_as<T>(
        &mut self,
        key: &Key<T>,
        scope: &Scope<'_>,
        taken: &Taken<T>,
        otherwise: &'static str,
    ) {
        let (_, name) = key.about.table_and_key();
        self.shown.push(Shown {
            key: format!("{}{name}", scope.label),
            value: taken.value.as_ref().map(key.show),
            otherwise,
            source: taken.source.clone(),
        });
    }
}
